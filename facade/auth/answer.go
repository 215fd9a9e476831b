package auth

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/credkit/credkit-go/facade/internal/safehttp"
)

// An answer is what a token endpoint said (RFC 6749 sections 5.1 and 5.2).
type answer struct {
	access, refresh string
	tokenType       string
	id              string        // id_token, not verified
	life            time.Duration // 0: not said, or nothing sensible
	code            string        // error code, "" if none
	text            string        // description of the error: to look for known sentences in, never shown
	unusable        bool          // there is an access token that must not be sent
	whole           bool          // nothing is missing, and it made sense
}

// readAnswer reads as much as can be read of a token endpoint's body. A body
// that was cut gives every member that arrived whole: a refresh token among
// them is the only copy in the world. Any content type is taken: JSON first,
// then a form.
func readAnswer(body []byte, whole bool) answer {
	a := answer{}
	body = bytes.TrimPrefix(body, []byte("\ufeff")) // a byte order mark, which JSON does not have
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	if t, err := dec.Token(); err == nil && t == json.Delim('{') {
		a.whole = a.members(dec) // what comes behind the object does not matter
		return a
	}
	if !whole || bytes.IndexByte(body, '=') < 0 || bytes.IndexByte(body, '<') >= 0 {
		return a
	}
	form, err := url.ParseQuery(strings.TrimSpace(string(body)))
	if err != nil {
		return a
	}
	for name, v := range form {
		a.member(name, v[0])
	}
	a.whole = true
	return a
}

// members reads the members of an object up to its end or the first thing
// that cannot be read, and reports whether it got to the end.
func (a *answer) members(dec *json.Decoder) bool {
	for dec.More() {
		t, err := dec.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return false
		}
		var v any
		if dec.Decode(&v) != nil {
			return false
		}
		a.member(name, v)
	}
	_, err := dec.Token()
	return err == nil
}

func (a *answer) member(name string, v any) {
	s, isString := v.(string)
	switch name {
	case "access_token":
		a.access, a.unusable = s, false
		if !sendable(s) {
			a.access, a.unusable = "", true
		}
	case "refresh_token":
		a.refresh = s
	case "id_token":
		a.id = s
	case "token_type":
		a.tokenType = s
	case "expires_in":
		if n, ok := v.(json.Number); ok {
			s, isString = n.String(), true
		}
		if isString {
			// A number out of range comes back as an infinity with an error.
			f, _ := strconv.ParseFloat(strings.TrimSpace(s), 64)
			a.life = lifetime(f)
		}
	case "error", "error_code":
		if isString && s != "" {
			a.code = safehttp.ErrorCode(s)
		}
	case "msg", "error_description":
		if isString {
			a.text = s
		}
	}
}

// bearer reports whether the answer's token type can be used. A missing type
// is taken as bearer.
func (a answer) bearer() bool { return a.tokenType == "" || strings.EqualFold(a.tokenType, "bearer") }
