package roster_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/credkit/credkit-go/facade"
	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/sandbox"
)

// team is a sandbox whose users are all signed in: their sessions are in
// store, under the keys "worker-000" and so on.
type team struct {
	box      *sandbox.Sandbox
	store    auth.Store
	sessions *auth.Sessions
	cosmic   *facade.Cosmic
	keys     []string
}

type teamSettings struct {
	store   auth.Store
	expired bool // the access tokens of the records
	box     []sandbox.Option
	client  []facade.Option
	user    func(i int, u *sandbox.User)
}

func teamUser(i int) sandbox.User {
	return sandbox.User{
		ID:    fmt.Sprintf("00000000-0000-4000-8000-%012x", i+1),
		Email: fmt.Sprintf("worker%d@example.com", i), DisplayName: fmt.Sprintf("Worker %d", i),
	}
}

func newTeam(t testing.TB, n int, set teamSettings) *team {
	t.Helper()
	users := make([]sandbox.User, n)
	for i := range users {
		users[i] = teamUser(i)
		if set.user != nil {
			set.user(i, &users[i])
		}
	}
	box, err := sandbox.New(append([]sandbox.Option{sandbox.WithUsers(slices.Concat(users, []sandbox.User{teamUser(n)})...), sandbox.WithCertificationCount(3)}, set.box...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(box.Close)
	tm := &team{box: box, store: set.store}
	if tm.store == nil {
		tm.store = auth.NewMemoryStore()
	}
	for i := range users {
		tm.signIn(t, fmt.Sprintf("worker-%03d", i), users[i].ID, set.expired)
	}
	tm.sessions, err = auth.NewSessions(tm.store, auth.App{ClientID: box.App().ClientID, ClientSecret: box.App().ClientSecret})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tm.sessions.Close(t.Context()); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
	})
	tm.cosmic, err = facade.NewCosmic(tm.sessions.Key("nobody"), append([]facade.Option{
		facade.WithBaseURL(box.CosmicURL()), facade.WithHTTPClient(box.Client()),
	}, set.client...)...)
	if err != nil {
		t.Fatal(err)
	}
	return tm
}

// signIn puts a record of a new session into the store, as Sessions.SignIn
// writes it.
func (tm *team) signIn(t testing.TB, key, user string, expired bool, scopes ...string) {
	t.Helper()
	tokens, err := tm.box.SignIn(user, scopes...)
	if err != nil {
		t.Fatal(err)
	}
	if expired {
		tokens.ExpiresAt = time.Now().Add(-time.Hour)
	}
	record := map[string]any{
		"format": 1, "kind": "session", "version": "v-" + key, "issuer": tm.box.CosmicURL() + "/auth/v1/oauth/token",
		"client_id": tm.box.App().ClientID, "access_token": tokens.AccessToken, "refresh_token": tokens.RefreshToken,
		"expires_in": 3600, "expires_at": tokens.ExpiresAt, "issued_at": tokens.ExpiresAt.Add(-time.Hour), "cause": "sign_in",
	}
	tm.save(t, key, record)
	tm.keys = append(tm.keys, key)
}

func (tm *team) save(t testing.TB, key string, record map[string]any) {
	t.Helper()
	data, err := json.Marshal(record)
	if err != nil {
		t.Fatal(err)
	}
	if err := put(t, tm.store, key, data); err != nil {
		t.Fatal(err)
	}
}

// put saves a record.
func put(t testing.TB, store auth.Store, key string, data []byte) error {
	t.Helper()
	return store.Update(t.Context(), key, func(context.Context, []byte) ([]byte, error) { return data, nil })
}

// strike has a fault meet the calls of one worker.
func (tm *team) strike(t testing.TB, i int, op facade.OperationID, parts ...sandbox.Part) {
	t.Helper()
	if err := tm.box.Fail(append(parts, sandbox.On(op), sandbox.When(func(r *http.Request) bool { return subject(r) == teamUser(i).ID }))...); err != nil {
		t.Fatal(err)
	}
}

// subject is the user that a request's access token, a JWT, speaks for.
func subject(r *http.Request) string {
	parts := strings.Split(r.Header.Get("Authorization"), ".")
	if len(parts) != 3 {
		return ""
	}
	var claims struct {
		Sub string `json:"sub"`
	}
	if payload, err := base64.RawURLEncoding.DecodeString(parts[1]); err == nil {
		_ = json.Unmarshal(payload, &claims) // a token of another kind has no subject
	}
	return claims.Sub
}

// kill ends a worker's session at the server; the access token is over, too.
func (tm *team) kill(t testing.TB, i int) {
	t.Helper()
	data, err := tm.store.Load(t.Context(), tm.keys[i])
	if err != nil {
		t.Fatal(err)
	}
	var record map[string]any
	if err := json.Unmarshal(data, &record); err != nil {
		t.Fatal(err)
	}
	record["refresh_token"], record["expires_at"] = "unknown-to-the-server", time.Now().Add(-time.Hour)
	tm.save(t, tm.keys[i], record)
}
