// Package drift holds real responses of the services against openapi.yaml and
// says where the two differ: a field that the specification does not know, a
// relied-on field that is missing, a wrong type or format, a new word of an
// enum, a null where none is declared, a status that is not declared, a
// response that is no JSON or ends too early.
//
// Each [Finding] names the place in the response (a JSON pointer), the line of
// openapi.yaml that it is about and how sure that line was, a severity, and
// what to change. Three severities tell what to do:
//
//   - [Breaks]: what credkit relies on does not hold.
//   - [Informs]: the service says more than the specification knows; callers
//     get it as Extra or as a word that Valid does not know.
//   - [Confirms]: a part whose grade is inferred or assumed was seen as it is
//     described, so its x-evidence can become observed.
//
// A response is read once, token by token, and nothing of it is kept: a list of
// a gigabyte needs no more memory than a list of one. Values are named by
// their shape, string(36, uuid), and never by their content, unless
// [ShowValues] is given; so are member names that look like data.
//
// A [Recorder] does the same for the live responses of a facade client.
package drift
