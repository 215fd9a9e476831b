package auth

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"
)

type sourceFunc func() (*oauth2.Token, error)

func (f sourceFunc) Token() (*oauth2.Token, error) { return f() }

func TestATokenSourceWithoutContextDoesNotHoldItsCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int64
		src, err := FromTokenSource(sourceFunc(func() (*oauth2.Token, error) {
			n := calls.Add(1)
			time.Sleep(time.Second)
			return &oauth2.Token{AccessToken: fmt.Sprintf("a%d", n), Expiry: time.Now().Add(time.Hour)}, nil
		})).Source(Endpoint{})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		begin := time.Now()
		if _, err := src.Token(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != 100*time.Millisecond {
			t.Errorf("%v after %s", err, time.Since(begin))
		}
		var wg sync.WaitGroup
		for range 1000 {
			wg.Go(func() { mustToken(t, src) })
		}
		wg.Wait()
		if calls.Load() != 1 {
			t.Errorf("%d calls, want 1", calls.Load())
		}
		first := mustToken(t, src)
		second, err := src.(Renewer).Renew(t.Context(), first)
		if err != nil || second == first || calls.Load() != 2 {
			t.Errorf("Renew: %v, %d calls", err, calls.Load())
		}
		if tok, err := src.(Renewer).Renew(t.Context(), first); err != nil || tok != second || calls.Load() != 2 {
			t.Errorf("Renew of an old token: %v, %d calls", err, calls.Load())
		}
		time.Sleep(time.Hour - expiryMargin)
		if mustToken(t, src) == second {
			t.Error("a token was kept to its end")
		}
	})
}

// A call that began before the token was refused can bring that token: then
// the source is asked again.
func TestARenewalDoesNotJoinAnEarlierCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int64
		src, err := FromTokenSource(sourceFunc(func() (*oauth2.Token, error) {
			n := calls.Add(1)
			time.Sleep(time.Second)
			return &oauth2.Token{AccessToken: fmt.Sprint("token-", max(n-1, 1))}, nil
		})).Source(Endpoint{})
		if err != nil {
			t.Fatal(err)
		}
		refused := mustToken(t, src) // token-1
		go src.Token(t.Context())    //nolint:errcheck // the earlier call, which brings token-1 again
		synctest.Wait()
		renewed, err := src.(Renewer).Renew(t.Context(), refused)
		if err != nil || renewed.Value() != "token-2" || calls.Load() != 3 {
			t.Errorf("%v, %v after %d calls", renewed.Value(), err, calls.Load())
		}
	})
}

func TestAReusingTokenSourceAnswersRefused(t *testing.T) {
	src, err := FromTokenSource(oauth2.StaticTokenSource(&oauth2.Token{AccessToken: "a"})).Source(Endpoint{})
	if err != nil {
		t.Fatal(err)
	}
	tok := mustToken(t, src)
	if _, err := src.(Renewer).Renew(t.Context(), tok); !errors.Is(err, ErrRefused) {
		t.Errorf("Renew: %v", err)
	}
}

func TestASessionServesAsTokenSource(t *testing.T) {
	bubble(t, func(t *testing.T, s *tokenServer, store *faultyStore, p *process) {
		ts := TokenSource(t.Context(), p.src)
		tok, err := ts.Token()
		if err != nil || tok.AccessToken != mustToken(t, p.src).Value() || tok.Type() != "Bearer" || !tok.Valid() {
			t.Errorf("%v, %v", tok.Valid(), err)
		}
		time.Sleep(2 * time.Hour)
		next, err := ts.Token()
		if err != nil || next.AccessToken == tok.AccessToken {
			t.Errorf("after its end: %v", err)
		}
	})
}

func TestAFailingTokenSource(t *testing.T) {
	src, err := FromTokenSource(sourceFunc(func() (*oauth2.Token, error) {
		return nil, errors.New("oauth2: cannot fetch token: Response: {\"refresh_token\":\"hunter2-secret\"}")
	})).Source(Endpoint{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := src.Token(t.Context()); err == nil || fmt.Sprintf("%v %+v %#v", err, err, err) == "" || containsSecret(fmt.Sprintf("%v %+v %#v", err, err, err), "hunter2-secret") {
		t.Errorf("%v", err)
	}
}
