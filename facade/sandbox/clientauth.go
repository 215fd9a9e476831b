package sandbox

import (
	"crypto/subtle"
	"net/http"
	"net/url"
)

// authenticate returns the app that makes a token request. It must name
// itself in exactly the way it is registered for (RFC 6749 section 2.3), and
// in no second one.
func (s *Sandbox) authenticate(r *http.Request, form url.Values) (*App, bool) {
	user, password, basic := r.BasicAuth()
	if r.Header.Get("Authorization") != "" && !basic {
		return nil, false
	}
	id, secret := form.Get("client_id"), form.Get("client_secret")
	used := authNone
	if form.Has("client_secret") {
		used = authPost
	}
	if basic {
		if used == authPost {
			return nil, false
		}
		name, err1 := url.QueryUnescape(user)
		key, err2 := url.QueryUnescape(password)
		if err1 != nil || err2 != nil || id != "" && id != name {
			return nil, false
		}
		used, id, secret = authBasic, name, key
	}
	app, ok := s.app(id)
	if !ok || app.Authentication != used {
		return nil, false
	}
	return app, subtle.ConstantTimeCompare([]byte(secret), []byte(app.ClientSecret)) == 1
}
