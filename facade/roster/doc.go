// Package roster reads the certifications of a whole team: of every worker
// who has a session in a store, each exactly once, however many there are.
//
//	for w := range roster.Workers(ctx, cosmic, sessions, roster.WithParallel(16)) {
//		if w.Err != nil {
//			log.Print(w.Err) // names the worker and what to do; w.NeedsSignIn() says whether it is a sign-in
//		}
//		rows = append(rows, policy.Assess(w)) // w.Key, w.Me, w.Certifications
//	}
//
// What it promises:
//
//   - Every session of the store is read once. One worker's dead session,
//     missing scope, failing request, time limit or panic is that worker's
//     [Worker.Err]; the range goes on.
//   - Workers come as they are read, in no promised order. At most
//     [WithParallel] of them are held; while the caller works on one, no more
//     are started than fit.
//   - Breaking out of the range ends all requests, and the range returns when
//     the last goroutine of it has.
//   - A range that did not see the whole store says so: its last worker has
//     no Key, and an Err that is [ErrIncomplete]. That is so if the context
//     ended, the store could not list its keys, or an option is wrong.
//
// [Each] does any other work over all sessions in the same way.
//
// What a team lead wants to know is a [Policy]: which days before its end a
// certification counts as due, and who must hold what ([ReadRequirements]).
// [Policy.Assess] turns a worker into a [Row] that holds no more than a report
// needs; [Policy.Matrix] sorts rows by what lapses first. A [Matrix] writes
// itself as JSON, JSON lines, CSV, a calendar or a page. [Matrix.Changes] tells
// what has changed since the last run, [Join] who is missing at Certn, and
// [WriteFile] keeps a file of people's data private.
//
// Rate limits are not this package's: the client waits as a whole when the
// service says 429, so that any number of workers at a time finish, only later.
package roster
