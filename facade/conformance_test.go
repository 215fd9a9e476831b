package facade_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"

	"github.com/credkit/credkit-go/facade"
	"github.com/credkit/credkit-go/facade/auth"
)

// conformanceFile is a file of testdata/conformance, whose README says what
// each member means.
type conformanceFile struct {
	About string            `json:"about"`
	Cases []conformanceCase `json:"cases"`
}

type conformanceCase struct {
	Name        string `json:"name"`
	Why         string `json:"why"`
	Credentials struct {
		Client  string `json:"client"`
		Session *struct {
			AccessToken  string `json:"access_token"`
			RefreshToken string `json:"refresh_token"`
			ExpiresIn    int64  `json:"expires_in"`
		} `json:"session"`
	} `json:"credentials"`
	CheckScopes bool           `json:"check_scopes"`
	Call        conformingCall `json:"call"`
	Exchanges   []exchange     `json:"exchanges"`
	Result      struct {
		Value     json.RawMessage   `json:"value"`
		Values    []json.RawMessage `json:"values"`
		Mismatchs []struct {
			Index int    `json:"index"`
			Path  string `json:"path"`
		} `json:"mismatches"`
		Error *expectedError `json:"error"`
	} `json:"result"`
}

// conformingCall is the call that a case makes.
type conformingCall struct {
	Method         string                     `json:"method"`
	Times          int                        `json:"times"`
	Later          string                     `json:"later"`
	PageSize       int                        `json:"page_size"`
	ID             string                     `json:"id"`
	Email          string                     `json:"email"`
	Certification  facade.CertificationCreate `json:"certification"`
	IdempotencyKey string                     `json:"idempotency_key"`
	Operations     []facade.OperationID       `json:"operations"`
	App            conformingApp              `json:"app"`
	Redirected     map[string]string          `json:"redirected"`
}

// outcome is what a call came to.
type outcome struct {
	value      any
	values     []any
	mismatches []*facade.ElementError
	err        error
}

// conformanceCases reads every case, by the name of its file.
func conformanceCases(t *testing.T) map[string][]conformanceCase {
	t.Helper()
	names, err := filepath.Glob("testdata/conformance/*.json")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]conformanceCase{}
	for _, name := range names {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var file conformanceFile
		decoder := json.NewDecoder(bytes.NewReader(content))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&file); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all[strings.TrimSuffix(filepath.Base(name), ".json")] = file.Cases
	}
	return all
}

// TestConformance plays every case: the facade's requests must be the ones
// expected, and its value or error too.
func TestConformance(t *testing.T) {
	count := 0
	for file, cases := range conformanceCases(t) {
		for _, c := range cases {
			count++
			t.Run(file+"/"+c.Name, func(t *testing.T) {
				for _, failure := range c.play(t) {
					t.Error(failure)
				}
			})
		}
	}
	const least = 60
	if count < least {
		t.Errorf("%d cases, want at least %d", count, least)
	}
	t.Logf("%d cases", count)
}

// TestConformanceNotices expects something else of each case, one thing at a
// time: it must not pass any more.
func TestConformanceNotices(t *testing.T) {
	changes := map[string]func(*conformanceCase) bool{
		"another request": func(c *conformanceCase) bool {
			if len(c.Exchanges) == 0 {
				return false
			}
			c.Exchanges[0].Request += "else"
			return true
		},
		"another token": func(c *conformanceCase) bool {
			if len(c.Exchanges) == 0 {
				return false
			}
			c.Exchanges[0].Header = map[string]string{"Authorization": "Bearer another"}
			return true
		},
		"one request more": func(c *conformanceCase) bool {
			c.Exchanges = append(c.Exchanges, exchange{Request: "GET /v1/more"})
			return true
		},
		"one request less": func(c *conformanceCase) bool {
			if len(c.Exchanges) == 0 {
				return false
			}
			c.Exchanges = c.Exchanges[:len(c.Exchanges)-1]
			return true
		},
		"another error": func(c *conformanceCase) bool {
			if c.Result.Error == nil {
				c.Result.Error = &expectedError{Kind: "other"}
				return true
			}
			c.Result.Error = &expectedError{Kind: "other", Says: "what nobody says"}
			return true
		},
		"another value": func(c *conformanceCase) bool {
			if len(c.Result.Value) == 0 {
				return false
			}
			c.Result.Value = json.RawMessage(`{"id":"another"}`)
			return true
		},
		"an element more": func(c *conformanceCase) bool {
			if c.Result.Values == nil {
				return false
			}
			c.Result.Values = append(c.Result.Values, json.RawMessage(`{}`))
			return true
		},
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			tried := 0
			for file, cases := range conformanceCases(t) {
				for _, c := range cases {
					if !change(&c) {
						continue
					}
					tried++
					if failures := c.play(t); len(failures) == 0 {
						t.Errorf("%s/%s passes", file, c.Name)
					}
				}
			}
			t.Logf("%d cases tried", tried)
		})
	}
}

func slogDiscard() *log.Logger { return log.New(io.Discard, "", 0) }

// play runs one case in fake time, over HTTP on connections in memory, and
// returns what was not as expected.
func (c *conformanceCase) play(t *testing.T) (failures []string) {
	synctest.Test(t, func(t *testing.T) { failures = c.run(t) })
	return failures
}

func (c *conformanceCase) run(t *testing.T) []string {
	server := &played{script: unrolled(c.Exchanges), last: time.Now()}
	client, stop := serve(server)
	opts := []facade.Option{facade.WithBaseURL("http://127.0.0.1" + conformanceBase), facade.WithHTTPClient(client)}
	if !c.CheckScopes {
		opts = append(opts, facade.WithScopeCheck(facade.CheckNever))
	}
	credentials, closed, err := c.credentials(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	if c.Call.Later != "" {
		later, err := time.ParseDuration(c.Call.Later)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(later)
		server.last = time.Now()
	}
	got := c.Call.make(t, credentials, opts)
	if err := errors.Join(closed(t.Context()), stop()); err != nil {
		t.Fatal(err)
	}
	failures := append(server.failures, c.judge(got)...)
	for _, missing := range server.script[server.at:] {
		failures = append(failures, missing.Request+" was not asked for")
	}
	return failures
}

// credentials are a fixed token, unless the case has a client or a session.
func (c *conformanceCase) credentials(ctx context.Context, opts []facade.Option) (auth.Credentials, func(context.Context) error, error) {
	nothing := func(context.Context) error { return nil }
	if id, secret, ok := strings.Cut(c.Credentials.Client, ":"); ok {
		return auth.ClientCredentials(id, secret), nothing, nil
	}
	session := c.Credentials.Session
	if session == nil {
		return auth.StaticToken("token-1"), nothing, nil
	}
	app := auth.App{ClientID: "app-1"}
	endpoint, err := facade.CosmicEndpoint(opts...)
	if err != nil {
		return nil, nil, err
	}
	grant, err := auth.NewGrant(endpoint, app, &oauth2.Token{
		AccessToken: session.AccessToken, RefreshToken: session.RefreshToken, ExpiresIn: session.ExpiresIn,
	})
	if err != nil {
		return nil, nil, err
	}
	sessions, err := auth.NewSessions(auth.NewMemoryStore(), app)
	if err != nil {
		return nil, nil, err
	}
	return sessions.Key("worker"), sessions.Close, sessions.SignIn(ctx, "worker", grant)
}

// make makes the call, as often as it says; the last outcome counts.
func (call *conformingCall) make(t *testing.T, credentials auth.Credentials, opts []facade.Option) (o outcome) {
	if call.Method == "sign_in" {
		return call.signIn(t.Context(), opts)
	}
	if _, ofCertn := reflect.TypeFor[*facade.Certn]().MethodByName(goMethod(call.Method)); ofCertn {
		c, err := facade.NewCertn(credentials, opts...)
		if err != nil {
			t.Fatal(err)
		}
		for range max(call.Times, 1) {
			o = call.certn(t.Context(), c)
		}
		return o
	}
	c, err := facade.NewCosmic(credentials, opts...)
	if err != nil {
		t.Fatal(err)
	}
	for range max(call.Times, 1) {
		o = call.cosmic(t.Context(), c)
	}
	return o
}

func (call *conformingCall) certn(ctx context.Context, c *facade.Certn) outcome {
	switch {
	case call.Method != "find_user":
		return call.list(ctx, c)
	case call.Email != "":
		return one(c.FindUser(ctx, facade.ByEmail(call.Email)))
	default:
		return one(c.FindUser(ctx, facade.ByID(call.ID)))
	}
}

func (call *conformingCall) cosmic(ctx context.Context, c *facade.Cosmic) outcome {
	switch call.Method {
	case "me":
		return one(c.Me(ctx))
	case "scopes":
		scopes, err := c.Scopes(ctx)
		return one(&scopes, err)
	case "require":
		return outcome{err: c.Require(ctx, call.Operations...)}
	case "find_certification":
		return one(c.FindCertification(ctx, facade.CertificationID(call.ID)))
	case "create_certification":
		var options []facade.CallOption
		if call.IdempotencyKey != "" {
			options = append(options, facade.WithIdempotencyKey(call.IdempotencyKey))
		}
		return one(c.CreateCertification(ctx, call.Certification, options...))
	default:
		return call.list(ctx, c)
	}
}

// goMethod is the name of a method in Go: find_user is FindUser.
func goMethod(name string) string {
	var method strings.Builder
	for part := range strings.SplitSeq(name, "_") {
		if part != "" {
			method.WriteString(strings.ToUpper(part[:1]) + part[1:])
		}
	}
	return method.String()
}

// list reads the list that a method of the client makes. It is found by its
// name, so that a case is all that a new list needs here.
func (call *conformingCall) list(ctx context.Context, client any) (o outcome) {
	method := reflect.ValueOf(client).MethodByName(goMethod(call.Method))
	if !method.IsValid() || !method.Type().IsVariadic() || method.Type().NumIn() != 1 {
		return outcome{err: errors.New("the case has a method that there is not: " + call.Method)}
	}
	list := method.Call(nil)[0]
	if call.PageSize != 0 {
		list = list.MethodByName("PageSize").Call([]reflect.Value{reflect.ValueOf(call.PageSize)})[0]
	}
	for item, failed := range list.MethodByName("All").Call([]reflect.Value{reflect.ValueOf(ctx)})[0].Seq2() {
		err, _ := failed.Interface().(error)
		var bad *facade.ElementError
		switch {
		case errors.As(err, &bad):
			o.mismatches = append(o.mismatches, bad)
		case err != nil:
			o.err = err
			return o
		default:
			o.values = append(o.values, item.Interface())
		}
	}
	return o
}

func one[T any](value *T, err error) outcome {
	if value == nil {
		return outcome{err: err}
	}
	return outcome{value: value, err: err}
}
