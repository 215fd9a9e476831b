// Package auth is where access tokens come from and how they stay alive.
//
// A program picks one [Credentials]; the facade binds it to the service it
// talks to ([Endpoint]) and asks the resulting [Source] for a token before
// each request.
//
//   - [Sessions] keeps people signed in to COSMIC, any number of them, in a
//     [Store] that any number of processes may share: in memory here, on disk
//     in package filestore, in PostgreSQL in package pgstore.
//   - [ClientCredentials] is an app that acts for itself, as Certn has it.
//   - [StaticToken] and [FromTokenSource] take what another part of the program
//     has got; [TokenSource] is the way back to x/oauth2.
//   - Package signin signs a person in, on the web or on this machine, and brings
//     a [Grant]; [NewGrant] takes over a session of another program.
//
// # What sessions promise
//
// COSMIC's refresh tokens are assumed to rotate on every use; replaying one
// that is older than the direct parent of the current one ends the session.
// All of the following serves one invariant: the store holds the server's
// current refresh token or its direct parent. The rules are the state table in
// decide.go, and the tests walk through every interleaving of three processes
// that they allow.
//
//  1. A refresh token is sent only while it is the stored one, under its key's
//     lock, once for each lock. If another process has been faster, its token
//     is adopted and nothing is sent. What the server grants is saved and the
//     lock given back in one commit, and only then handed out; the save does
//     not end with anybody's context.
//  2. What was not durably saved is never sent. If the save fails, the new
//     access token is served, and the save is tried again for as long as the
//     store has not moved on. Still unsaved when the access token ends, callers
//     get a [*StoreError]; the session is intact.
//  3. Trouble with the token endpoint costs no session. Nothing sent, 429, a
//     timeout, a cut, 408, 409, a 5xx and a response that makes no sense are tried
//     again, from the lock on; a code that speaks of the client is a
//     [*ConfigError], any other refusal a [*TokenError]. Only a code that speaks
//     of the session ends it. Where a person has to act first (the client's
//     settings, a banned user), the endpoint is asked once a minute at most.
//     A failure that is not of one machine alone is noted in the record, beside its
//     tokens, and the other processes keep the same pause.
//  4. Outside the mandatory window nobody waits, and nobody waits longer than
//     their own context. With a lifetime of L, the mandatory window is the last
//     min(30 s, L/10) and the advisory window the last min(5 min, L/4), less up
//     to two fifths of jitter. In the advisory window one renewal runs in the
//     background and gives way to other processes. In the mandatory window a
//     caller waits for at most half of what the token has left, and no more
//     than five seconds; then the token at hand serves on. One caller that
//     gives up does not fail the others. A token at hand takes no lock and no
//     allocation, and the store is not read for it.
//  5. A 401 renews by identity: see [Renewer]. A service that refuses fresh
//     tokens as well gets [ErrRefused] instead of a storm of rotations.
//  6. A dead session is marked as ended in the store. No process sends its
//     token again, callers get one [*ReauthError], an access token that is
//     still good is served to its end, and a new sign-in heals every process
//     without a restart.
//     A server may end sessions that were not renewed for a while:
//     [Sessions.KeepAlive] renews them in time.
//  7. [Sessions.Close] starts nothing new, waits for requests in flight and
//     pending saves, and leaves no goroutine.
//
// A panic of a store, a transport, a token source or an [WithOnChange] function does
// not end the process: see [PanicError].
//
// And of everything here: no secret is printed, by any verb, in any error, log
// record or JSON. (The one exception is Go's: fmt shows an [App] that lies in
// an unexported field of another struct.)
//
// # What can still end a session
//
// A crash, a kill, a cut connection or a failed save may leave the store with
// the parent of the server's current token. That the server forgives it is
// assumed. A server that does not loses the session whenever a process dies
// between the server's rotation and the save: about one kill in four, when
// processes that refresh without a pause are killed at random (make reliability
// prints the figure: 25 to 33 of 100). With both token algorithms of the server that COSMIC
// resembles, and with any reuse interval, no kill has lost one. Beyond that:
//
//   - A store that is restored from a backup holds an old token.
//   - One session in two stores, or refreshed by another program: the second
//     to refresh replays the first one's token.
//   - A store whose lock is lost without notice while others rotate twice.
//   - The one refresh at which the server moves a session to its second token
//     algorithm: the parent is forgiven there within the reuse interval alone (10
//     seconds on the hosted product, none by default). Without one, about a fifth of the
//     processes killed at that refresh lose their session. With one, a session is
//     lost if its process dies at that refresh and no process refreshes it within
//     the interval: [Sessions.KeepAlive] tries a failed renewal twice more within
//     six seconds, and a process that is started again should sweep at once.
//   - A server that ends idle sessions, and no [Sessions.KeepAlive] in time. Of 10,000
//     sessions in 30 simulated days, with 300 processes killed and 1 % of the responses
//     lost, sweeps lost none, at 1.04 refreshes a session and day
//     (TestReliabilityMonth).
//   - A server whose own database was restored: it does not know newer tokens.
//
// # Running a fleet
//
// Several machines share one [Store]: package pgstore, which says how to set up the
// database and PgBouncer. No machine is special, and no session belongs to one: any
// of them may call, renew, sign in and sweep at the same time. Their clocks may
// differ. Two programs with stores of their own must not hold the same session.
//
// Once an hour, from one machine or from all, run [Sessions.KeepAlive], and
// now and then [Sessions.Prune]; credkit sessions renew and prune are the same for
// cron. [Sessions.Close] before the program ends.
//
// Keys of [EncryptedStore] are rotated without a stop, in three steps: give all
// processes the new key behind the old one, then the new key in front, and take the
// old one away once every record was rewritten: a sweep of KeepAlive rewrites
// those that are renewed, a sign-in the others. Keys of package signin's Sealer
// protect sign-ins under way: the old one may go ten minutes later.
//
// What to alert on, by [Sessions.Statuses] (the state of all) and [Sessions.Stats]
// (counters of one process):
//
//   - Stats.Failed["misconfigured"] or ["rejected"] above zero: the app's settings, or
//     the service, need a person. No session is lost meanwhile.
//   - Stats.Failed["store"], or Pending without Saved: the store does not save. Mend it
//     before access tokens end.
//   - Stats.Ended[ReasonReplaced] above zero: a session is used by another program, or
//     the store was restored from a backup.
//   - Stats.Forgiven that grows: saves fail, or responses are lost, after the server
//     has rotated.
//   - Statuses with LastErrorAt set for hours, or IssuedAt older than the server's
//     inactivity limit.
//
// Both token algorithms of the server that COSMIC resembles are supported, and no
// setting names one: with the first each refresh token is a row of its own, with the
// second a counter of the session. They differ in what is forgiven within the
// reuse interval, on which nothing here relies.
//
// # Times
//
// Lifetimes count on the monotonic clock from before the request. Of a record
// that another process saved, what is left is clamp(expires_at − now, 0,
// expires_in), so that clocks that differ cost a renewal or a 401 at worst. A
// token whose response gave no sensible expires_in is used until it is refused.
package auth
