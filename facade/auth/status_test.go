package auth

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"iter"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestEveryChangeIsToldAndLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		var mu sync.Mutex
		var changes []Change
		s, store := newTokenServer(), &faultyStore{Store: NewMemoryStore(), saveErr: errDisk}
		sessions, err := NewSessions(store, testApp, WithOnChange(func(c Change) {
			mu.Lock()
			defer mu.Unlock()
			changes = append(changes, c)
		}))
		if err != nil {
			t.Fatal(err)
		}
		e := s.endpoint()
		e.Logger = slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		src, err := sessions.Key("k").Source(e)
		if err != nil {
			t.Fatal(err)
		}
		wait := func(d time.Duration) { time.Sleep(d); synctest.Wait() }
		if err := sessions.SignIn(t.Context(), "k", mustGrant(t, s, tokenOf("secret-access", refreshPrefix+"0", time.Now().Add(time.Hour)))); err != nil {
			t.Fatal(err)
		}
		wait(2 * time.Hour)
		mustToken(t, src) // rotated
		wait(2 * time.Hour)
		store.set(func(f *faultyStore) { f.saveFails = 1 })
		mustToken(t, src) // pending, then saved
		wait(2 * time.Hour)
		other := start(t, s, store)
		mustToken(t, other.src)
		mustToken(t, src) // adopted
		other.stop(t)
		wait(2 * time.Hour)
		s.then(says(403, "", ""))
		if _, err := src.Token(t.Context()); err == nil { // failed
			t.Error("no error")
		}
		wait(time.Minute)
		s.then(says(400, "application/json", `{"error":"invalid_grant"}`))
		if _, err := src.Token(t.Context()); err == nil { // ended
			t.Error("no error")
		}
		wait(time.Minute)
		if _, err := src.Token(t.Context()); err == nil { // still, and told once
			t.Error("no error")
		}
		if err := sessions.Forget(t.Context(), "k"); err != nil {
			t.Fatal(err)
		}
		if err := sessions.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		var kinds []ChangeKind
		for _, c := range changes {
			kinds = append(kinds, c.Kind)
			if c.Key != "k" || c.At.IsZero() {
				t.Errorf("%+v", c)
			}
			if bad := c.Kind == ChangePending || c.Kind == ChangeFailed || c.Kind == ChangeEnded; bad != (c.Err != nil) {
				t.Errorf("%s with error %v", c.Kind, c.Err)
			}
		}
		want := []ChangeKind{ChangeSignedIn, ChangeRotated, ChangePending, ChangeSaved, ChangeAdopted, ChangeFailed, ChangeEnded, ChangeForgotten}
		if !slices.Equal(kinds, want) {
			t.Errorf("changes %v, want %v", kinds, want)
		}
		var levels []string
		for line := range strings.Lines(log.String()) {
			var rec struct{ Level, Msg, Key, Change string }
			if err := json.Unmarshal([]byte(line), &rec); err != nil || rec.Key != "k" || rec.Msg != "session "+rec.Change {
				t.Errorf("%s: %v", line, err)
			}
			levels = append(levels, rec.Level)
		}
		if got := strings.Join(levels, " "); got != "INFO INFO WARN INFO DEBUG WARN WARN INFO" {
			t.Errorf("levels %s", got)
		}
	})
}

func TestStatusTellsHowASessionIsDoing(t *testing.T) {
	bubble(t, func(t *testing.T, s *tokenServer, store *faultyStore, p *process) {
		ctx := t.Context()
		if st, err := p.Status(ctx, "nobody"); err != nil || st.State != StateAbsent {
			t.Errorf("%+v, %v", st, err)
		}
		signedIn := time.Now()
		st, err := p.Status(ctx, "k")
		if err != nil || st.State != StateGood || !st.CanRenew || !st.SignedInAt.Equal(signedIn) || !st.ExpiresAt.Equal(signedIn.Add(time.Hour)) || st.ClientID != "app-1" || st.LastError != "" {
			t.Errorf("%+v, %v", st, err)
		}
		time.Sleep(2 * time.Hour)
		mustToken(t, p.src)
		if st, err = p.Status(ctx, "k"); err != nil || !st.SignedInAt.Equal(signedIn) || time.Since(st.IssuedAt) != 0 {
			t.Errorf("%+v, %v", st, err)
		}
		time.Sleep(2 * time.Hour)
		s.then(says(403, "", ""))
		if _, err := p.src.Token(ctx); err == nil {
			t.Error("no error")
		}
		if st, err = p.Status(ctx, "k"); err != nil || !strings.Contains(st.LastError, "HTTP 403") || st.LastErrorAt.IsZero() {
			t.Errorf("%+v, %v", st, err)
		}
		time.Sleep(time.Minute)
		mustToken(t, p.src)
		if st, err = p.Status(ctx, "k"); err != nil || st.LastError != "" {
			t.Errorf("%+v, %v", st, err)
		}
		time.Sleep(2 * time.Hour)
		s.then(says(400, "application/json", `{"error":"invalid_grant"}`))
		if _, err := p.src.Token(ctx); err == nil {
			t.Error("no error")
		}
		if st, err = p.Status(ctx, "k"); err != nil || st.State != StateEnded || st.EndedReason != ReasonUnknown || st.EndedCode != "invalid_grant" || st.CanRenew {
			t.Errorf("%+v, %v", st, err)
		}
		var keys []string
		for key, err := range p.Keys(ctx) {
			if err != nil {
				t.Fatal(err)
			}
			keys = append(keys, key)
		}
		if !slices.Equal(keys, []string{"k"}) {
			t.Errorf("keys %v", keys)
		}
		store.set(func(f *faultyStore) { f.loadErr = errDisk })
		var se *StoreError
		if _, err := p.Status(ctx, "k"); !errors.As(err, &se) {
			t.Errorf("a broken store: %v", err)
		}
	})
}

// TestAWatcherMayUseTheSessions: a program signs out whoever's session ended.
func TestAWatcherMayUseTheSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store := newTokenServer(), NewMemoryStore()
		s.signIn(t, store)
		var sessions *Sessions
		sessions, err := NewSessions(store, testApp, WithOnChange(func(c Change) {
			if c.Kind != ChangeEnded {
				return
			}
			if _, err := sessions.Status(t.Context(), c.Key); err != nil {
				t.Error(err)
			}
			if err := sessions.Forget(t.Context(), c.Key); err != nil {
				t.Error(err)
			}
		}))
		if err != nil {
			t.Fatal(err)
		}
		src, err := sessions.Key("k").Source(s.endpoint())
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Hour)
		s.then(says(400, "application/json", `{"error":"invalid_grant"}`))
		if _, err := src.Token(t.Context()); err == nil {
			t.Error("no error")
		}
		synctest.Wait()
		if stored(t, store) != nil {
			t.Error("not forgotten")
		}
		if err := sessions.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// panickingStore panics in one method.
type panickingStore struct {
	*MemoryStore
	method string
}

func (s panickingStore) panicIn(method string) {
	if s.method == method {
		panic(errDisk)
	}
}

func (s panickingStore) Load(ctx context.Context, key string) ([]byte, error) {
	s.panicIn("Load")
	return s.MemoryStore.Load(ctx, key)
}

func (s panickingStore) Keys(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for key, err := range s.MemoryStore.Keys(ctx) {
			if !yield(key, err) {
				return
			}
			s.panicIn("Keys")
		}
	}
}

func (s panickingStore) Records(ctx context.Context) iter.Seq2[Record, error] {
	s.panicIn("Records")
	return s.MemoryStore.Records(ctx)
}

func TestAPanicOfAStoreIsAnErrorOfStatusAndItsWalks(t *testing.T) {
	for _, method := range []string{"Load", "Keys", "Records"} {
		memory := panickingStore{NewMemoryStore(), method}
		saveRecord(t, memory, "a", sessionRecord("r"))
		saveRecord(t, memory, "b", sessionRecord("r"))
		var store Store = memory
		if method != "Records" {
			store = plainStore{memory}
		}
		p, err := NewSessions(store, testApp)
		if err != nil {
			t.Fatal(err)
		}
		want := func(name string, failed bool, err error) {
			var panicked *PanicError
			var se *StoreError
			if failed && !(errors.As(err, &se) && errors.As(err, &panicked) && errors.Is(err, errDisk)) || !failed && err != nil {
				t.Errorf("%s panics, %s: %v", method, name, err)
			}
		}
		_, err = p.Status(t.Context(), "a")
		want("Status", method == "Load", err)
		var failed error
		for st, err := range p.Statuses(t.Context()) {
			if failed = err; err == nil && (st.State == StateUnreadable) != (method == "Load") {
				t.Errorf("%s panics: %+v", method, st)
			}
		}
		want("Statuses", method != "Load", failed)
		failed = nil
		for _, err := range p.Keys(t.Context()) {
			failed = err
		}
		want("Keys", method == "Keys", failed)
		report, err := p.KeepAlive(t.Context(), newTokenServer().endpoint(), KeepAliveOptions{})
		want("KeepAlive", method != "Load", err)
		if report.Failed != 0 && method != "Load" {
			t.Errorf("%s panics: %+v", method, report)
		}
	}
}

func TestAPanicOfALoopOverStatusesIsItsOwn(t *testing.T) {
	store := NewMemoryStore()
	saveRecord(t, store, "a", sessionRecord("r"))
	p, err := NewSessions(store, testApp)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if recover() != errDisk {
			t.Error("the panic did not reach the program")
		}
	}()
	for range p.Statuses(t.Context()) {
		panic(errDisk)
	}
}
