// Package sandbox is COSMIC and Certn with their sign-in as a real HTTP
// server, for the demo, for credkit's own tests, and for the tests of programs
// that use credkit.
//
// [Test] is one for a test; it listens nowhere. Its clients are signed in, and their
// requests are real HTTP over connections in memory:
//
//	sb := sandbox.Test(t)
//	cosmic, err := sb.Cosmic()
//
// [Sandbox.Fail] has the services fail, [Sandbox.Counters] and [Sandbox.Requests] are
// what they saw. Inside the bubble of testing/synctest, no wait takes time.
//
// [New] is the same outside of a test. [Start] listens on two loopback ports, one a
// service, so that a token that is sent to the other service is seen.
//
// Paths, scopes, page limits and rate limits come from the tables that are
// generated from openapi.yaml, and the operations are served through the
// generated server interface with its own models, so that a mistake that the
// client and the server might share shows. What the description does not allow
// gets 400 with the reason, and is counted ([Counters.Violations]).
//
// # What is known and what is assumed
//
// COSMIC documents the flow, the paths and the members of responses; lifetimes,
// rotation and error bodies are assumed to be those of Supabase Auth's OAuth 2.1
// server, which its paths and methods resemble. Refresh tokens rotate on every
// use, by one of two algorithms ([WithAlgorithm]). A replayed direct parent of the
// current token is forgiven: the response has the current refresh token once
// more, with a new access token, so that a client may lose any number of
// responses in a row. Anything older ends the session, unless a reuse interval
// forgives it ([WithReuseInterval]). Sessions can end by age, inactivity or a
// newer sign-in ([WithTimeBox], [WithInactivityTimeout], [WithSingleSession]), by
// a logout, or by [Sandbox.EndSession]; a ban, a migration to the second algorithm
// and a restored database are [Sandbox.Ban], [Sandbox.UpgradeAtNextRefresh] and
// [Sandbox.Restore].
//
// # Why no OAuth server library
//
// The maintained server libraries for Go that we know respond to a replay in one
// fixed way, have one error shape, and bring more modules than everything that
// credkit links.
//
// Nothing is persisted, and nothing here is a secret: client secrets and keys
// are for tests alone.
package sandbox
