// Package facade is a client for two credential services: COSMIC
// ([NewCosmic]) and Certn ([NewCertn]). It executes what openapi.yaml
// describes: which scopes a call needs, when it may be sent again, which rate
// limits to keep, how a list goes on. Package auth beside it has the
// credentials.
//
// What it promises of every call:
//
//   - Scopes are checked before the call, against GET /v1/me, and the call is
//     not made if one is missing: [ScopeError]. A remembered grant may let a
//     call through; before one is refused, the grant of the current token is
//     fetched. An empty grant, or none to be had, leaves it to the server.
//   - A response is a value or an error, never a silent nil. HTML with status
//     200, null, {}, a cut or an oversized body are errors: [Error], which
//     holds what was tried and no secret.
//   - A call is sent again as its class allows: reads after 408, 5xx and
//     connection errors; a create only if the service never saw it. Waits are
//     drawn at random and grow; Retry-After is kept up to a cap, and fails the
//     call at once beyond it or beyond the caller's deadline. A budget keeps a
//     server that fails from being sent more. See [WithRetry].
//   - A 429 pauses all calls of the clients that are made of one another by
//     For or share a limiter. Then they go on at the rate that the service
//     accepted, each within its caller's context: a fleet of any size fits any
//     limit, and the only cost is time. Certn's limits are kept before the
//     service has to say so. See [WithLimiter], [NewLimiter].
//   - A 401 renews the token once, by identity, and the call is made again.
//   - A token goes only to the origin it was issued for: no redirect is
//     followed, and of a link to the next page only the query is used.
//   - A list is lazy, starts anew with each range, can be resumed in another
//     process, holds a bounded part of the response, and never takes a cut
//     response for its end: the page is requested again, what was delivered is
//     skipped, and if that has changed, it is an error. See [List].
//   - What the service sent is what comes out: null, empty and undeclared
//     members, at every depth, in the JSON of a value that the program has not
//     changed.
//
// [WithObserver] sees each request; package facade/otelcredkit makes
// OpenTelemetry traces and metrics of that.
//
// The caller's http.Client is copied, used for every request including those
// for tokens, and never changed. The package reads no environment variable
// and starts nothing of its own; a range over a list has a goroutine from its
// second page on, which ends with it.
package facade
