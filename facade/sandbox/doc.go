// Package sandbox is COSMIC and Certn with their sign-in as a real HTTP
// server, for the demo, for credkit's own tests, and for the tests of programs
// that use credkit.
//
// [Start] listens on two loopback ports, one a service, so that a token that
// strays to the other service is seen. [New] listens nowhere: its
// [Sandbox.Transport] carries real HTTP over in-memory connections, which also
// works inside a testing/synctest bubble (call New inside it, too).
//
//	sb, err := sandbox.Start(sandbox.WithTokenLifetime(time.Second))
//	if err != nil { … }
//	defer sb.Close()
//	tokens, err := sb.SignIn("")                     // no browser needed
//	err = sb.Fail(sandbox.On("listCertifications"), sandbox.Status(503), sandbox.Times(2))
//	… sb.CosmicURL(), sb.CertnURL(), sb.Requests(), sb.Counters()
//
// Paths, scopes, page limits and rate limits come from the tables that are
// generated from openapi.yaml, and the operations are served through the
// generated server interface with its own models, so that a mistake that the
// client and the server might share shows. What the description does not allow
// is answered 400 with the reason, and counted ([Counters.Violations]).
//
// # What is known and what is made up
//
// COSMIC documents the flow, the paths and the answers' fields; lifetimes,
// rotation and error bodies are assumed to be those of the authorization
// server that its paths and methods resemble. Refresh tokens rotate on every
// use. A replayed direct parent of the current token is forgiven: the answer
// carries the current refresh token once more, with a new access token, and
// the parent stays the parent, so that a client may lose any number of answers
// in a row. Anything older ends the session. Each of these is an option.
//
// # Why no OAuth server library
//
// The kept server libraries for Go that we know answer a replay in one fixed
// way and have one error shape, and they bring more modules than everything
// that credkit links. A forgiven parent, both error shapes and an answer that
// is cut after the rotation would each mean bending them; the double here is
// small, and each of its rules can be read.
//
// Nothing is persisted, and nothing here is a secret: client secrets and keys
// are for tests alone.
package sandbox
