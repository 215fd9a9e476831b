package auth

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"
)

// panicStore panics in the methods that are switched on.
type panicStore struct {
	Store
	load, before, after atomic.Int32 // calls to come that panic
}

func (s *panicStore) Load(ctx context.Context, key string) ([]byte, error) {
	if s.load.Add(-1) >= 0 {
		panic("a nil map, secret=hunter2hunter2")
	}
	return s.Store.Load(ctx, key)
}

func (s *panicStore) Update(ctx context.Context, key string, f func(context.Context, []byte) ([]byte, error)) error {
	if s.before.Add(-1) >= 0 {
		panic(errDisk)
	}
	return s.Store.Update(ctx, key, func(ctx context.Context, current []byte) ([]byte, error) {
		next, err := f(ctx, current)
		if err == nil && next != nil {
			if s.after.Add(-1) >= 0 {
				panic(errDisk) // between the server's rotation and the save
			}
		}
		return next, err
	})
}

const always = 1 << 20

// TestAPanicOfTheStoreOrTheTransportIsAnErrorOfWhoWaits: a renewal runs on a
// goroutine of the library, where a panic would end the process.
func TestAPanicOfTheStoreOrTheTransportIsAnErrorOfWhoWaits(t *testing.T) {
	for _, c := range []struct {
		name  string
		fault func(*tokenServer, *panicStore)
		what  string // that panicked, "" if the caller does not notice
		store bool   // the error is the store's
	}{
		{"Load, once", func(_ *tokenServer, st *panicStore) { st.load.Store(1) }, "", false},
		{"Load", func(_ *tokenServer, st *panicStore) { st.load.Store(always) }, "the store", true},
		{"Update, once", func(_ *tokenServer, st *panicStore) { st.before.Store(1) }, "", false},
		{"Update", func(_ *tokenServer, st *panicStore) { st.before.Store(always) }, "the store", true},
		{"the save, once", func(_ *tokenServer, st *panicStore) { st.after.Store(1) }, "", false},
		{"the save", func(_ *tokenServer, st *panicStore) { st.after.Store(always) }, "", false},
		{"the transport, once", func(s *tokenServer, _ *panicStore) { s.then(panics) }, "", false},
		{"the transport, after the server has rotated", func(s *tokenServer, _ *panicStore) { s.then(rotatesThen(panicsWith)) }, "", false},
		{"the transport", func(s *tokenServer, _ *panicStore) { s.then(panics, panics, panics, panics) }, "the HTTP transport", false},
		{"the body", func(s *tokenServer, _ *panicStore) { s.then(rotatesThen(panicsInBody)) }, "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, store := newTokenServer(), &panicStore{Store: NewMemoryStore()}
				s.signIn(t, store)
				p := start(t, s, store)
				mustToken(t, p.src)
				time.Sleep(2 * time.Hour)
				c.fault(s, store)
				results := make(chan error)
				for range 10 {
					go func() {
						_, err := p.src.Token(t.Context())
						results <- err
					}()
				}
				for range 10 {
					err := <-results
					if c.what == "" {
						if err != nil {
							t.Fatal(err)
						}
						continue
					}
					var pe *PanicError
					var se *StoreError
					if !errors.As(err, &pe) || pe.What != c.what || !strings.Contains(string(pe.Stack), "background_test.go") || errors.As(err, &se) != c.store {
						t.Fatalf("%v", err)
					}
					if strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), "hunter2") {
						t.Errorf("it prints a secret: %v", err)
					}
				}
				// All is well again: nothing is locked, nothing is lost.
				store.load.Store(0)
				store.before.Store(0)
				store.after.Store(0)
				time.Sleep(2 * time.Hour)
				mustToken(t, p.src)
				other := start(t, s, store)
				mustToken(t, other.src)
				other.stop(t)
				p.stop(t)
				s.invariant(t, store)
				if n, _, _ := s.state(); n < 1001 {
					t.Errorf("the server is at %d", n)
				}
			})
		})
	}
}

func panics(*tokenServer, *http.Request) (*http.Response, error) { panic("assignment to a nil map") }

func panicsWith(*http.Response) (*http.Response, error) { panic(errors.New("a middleware's")) }

func panicsInBody(res *http.Response) (*http.Response, error) {
	res.Body = panicBody{}
	return res, nil
}

type panicBody struct{}

func (panicBody) Read([]byte) (int, error) { panic("a decompressor's") }
func (panicBody) Close() error             { return nil }

// TestAPanicOfTheSaveKeepsWhatTheServerIssued: the tokens are served and saved
// later, as after any failed save.
func TestAPanicOfTheSaveKeepsWhatTheServerIssued(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store := newTokenServer(), &panicStore{Store: NewMemoryStore()}
		s.signIn(t, store)
		p := start(t, s, store)
		time.Sleep(2 * time.Hour)
		store.after.Store(3)
		mustToken(t, p.src)
		st, err := p.Status(t.Context(), "k")
		if err != nil || st.State != StatePending || !strings.Contains(st.LastError, "panicked") {
			t.Errorf("%+v, %v", st, err)
		}
		time.Sleep(time.Minute)
		if k := p.kinds(); k != "pending saved" || s.requests() != 1 {
			t.Errorf("changes %q, %d requests", k, s.requests())
		}
		p.stop(t)
		s.invariant(t, store)
	})
}

// TestAPanicOfWithOnChangeEndsNothing: it is logged, and the other functions are
// called.
func TestAPanicOfWithOnChangeEndsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store := newTokenServer(), NewMemoryStore()
		s.signIn(t, store)
		var out strings.Builder
		var told []ChangeKind
		p, err := NewSessions(store, testApp,
			WithLogger(slog.New(slog.NewTextHandler(&out, nil))),
			WithOnChange(func(Change) { panic("a nil pointer") }),
			WithOnChange(func(c Change) { told = append(told, c.Kind) }))
		if err != nil {
			t.Fatal(err)
		}
		src, err := p.Key("k").Source(s.endpoint())
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Hour)
		mustToken(t, src)
		synctest.Wait()
		if err := p.SignIn(t.Context(), "k", mustGrantOf(t, s.endpoint(), testApp)); err != nil {
			t.Fatal(err)
		}
		if err := p.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(told) != "[rotated signed_in]" {
			t.Errorf("told of %v", told)
		}
		if log := out.String(); !strings.Contains(log, "a WithOnChange function panicked: a nil pointer") || !strings.Contains(log, "background_test.go") {
			t.Errorf("the log: %s", log)
		}
	})
}

// TestAPanicOfALoggerEndsNothing: a handler that panics is reported elsewhere.
func TestAPanicOfALoggerEndsNothing(t *testing.T) {
	defer log.SetOutput(log.Writer()) // SetDefault changes it
	defer slog.SetDefault(slog.Default())
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		slog.SetDefault(slog.New(slog.NewTextHandler(&out, nil)))
		s, store := newTokenServer(), NewMemoryStore()
		s.signIn(t, store)
		p, err := NewSessions(store, testApp, WithLogger(slog.New(panicHandler{})))
		if err != nil {
			t.Fatal(err)
		}
		src, err := p.Key("k").Source(s.endpoint())
		if err != nil {
			t.Fatal(err)
		}
		mustToken(t, src)
		if err := p.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out.String(), "a logger panicked") {
			t.Errorf("the log: %s", out.String())
		}
	})
}

type panicHandler struct{}

func (panicHandler) Enabled(context.Context, slog.Level) bool  { return true }
func (panicHandler) Handle(context.Context, slog.Record) error { panic("a handler's") }
func (h panicHandler) WithAttrs([]slog.Attr) slog.Handler      { return h }
func (h panicHandler) WithGroup(string) slog.Handler           { return h }

// TestAPanicOfATokenSourceIsAnErrorOfWhoWaits: also one that is no error and no
// text, and Goexit.
func TestAPanicOfATokenSourceIsAnErrorOfWhoWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, leave := range map[string]func(){
			"text":  func() { panic("text, token=hunter2hunter2") },
			"error": func() { panic(errDisk) },
			"value": func() { panic(struct{ secret string }{"hunter2"}) },
			"nil":   func() { var m map[string]int; m["x"] = 1 }, //nolint:staticcheck // the panic is wanted
			"exit":  runtime.Goexit,
		} {
			src, err := FromTokenSource(sourceFunc(func() (*oauth2.Token, error) {
				time.Sleep(time.Second)
				leave()
				return nil, nil
			})).Source(Endpoint{})
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				results := make(chan error)
				for range 5 {
					go func() {
						_, err := src.Token(t.Context())
						results <- err
					}()
				}
				for range 5 {
					err := <-results
					var pe *PanicError
					if errors.As(err, &pe) != (name != "exit") || err == nil || strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, pe), "hunter2") {
						t.Errorf("%s: %v", name, err)
					}
					if errors.Is(err, errDisk) != (name == "error") {
						t.Errorf("%s: %v", name, err)
					}
				}
			}
		}
	})
}

// TestAnyOtherPanicOfARenewalIsAnErrorOfWhoWaits: of an endpoint's logger, here.
func TestAnyOtherPanicOfARenewalIsAnErrorOfWhoWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newTokenServer().clientEndpoint()
		e.Logger = slog.New(panicHandler{})
		src, err := ClientCredentials("id", "secret").Source(e)
		if err != nil {
			t.Fatal(err)
		}
		var pe *PanicError
		if _, err := src.Token(t.Context()); !errors.As(err, &pe) || pe.What != "a renewal" {
			t.Errorf("%v", err)
		}
	})
}

// TestAPanicCostsClientCredentialsTheSharingAtMost: a token that was granted is
// handed out; only one that could not be asked for is an error.
func TestAPanicCostsClientCredentialsTheSharingAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store := newTokenServer(), &panicStore{Store: NewMemoryStore()}
		e := s.clientEndpoint()
		src, err := ClientCredentials("id", "secret", WithTokenStore(store, "shared")).Source(e)
		if err != nil {
			t.Fatal(err)
		}
		for _, fault := range []func(){func() { store.load.Store(1) }, func() { store.before.Store(1) }, func() { store.after.Store(1) }} {
			n := s.requests()
			fault()
			mustToken(t, src)
			if got := s.requests() - n; got != 1 {
				t.Errorf("%d requests", got)
			}
			time.Sleep(2 * time.Hour)
		}
		s.then(panics, panics, panics, panics)
		var pe *PanicError
		if _, err := src.Token(t.Context()); !errors.As(err, &pe) {
			t.Errorf("%v", err)
		}
		time.Sleep(time.Minute)
		mustToken(t, src)
	})
}
