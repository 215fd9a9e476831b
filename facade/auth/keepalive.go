package auth

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"math"
	"sync"
	"time"
)

// KeepAliveOptions change what [Sessions.KeepAlive] does. The zero value is
// ready for use.
type KeepAliveOptions struct {
	// Idle is for how long a session may go without a renewal. Zero or less is 20
	// hours. Each session is renewed up to a hundredth of it earlier, by a part that
	// each of its records has of its own: those that were signed in to together
	// spread out, and more sweeps do not mean more renewals.
	//
	// Let a session that one sweep fails to renew be due in another one before the
	// server ends it: Idle is at most the server's inactivity limit less twice the
	// time between two sweeps, and less what a sweep takes. With a limit of 24 hours
	// and a sweep every hour the default leaves three hours to mend a failure, at
	// 1.2 renewals a session and day. With a sweep every ten minutes it can be 23 h 35 min,
	// at 1.05 renewals and with the time of two sweeps.
	Idle time.Duration
	// PerSecond bounds the renewals that are started in a second. Zero or less is 10.
	PerSecond float64
	// Parallel bounds the renewals under way. Zero or less is 4.
	Parallel int
	// Report, if not nil, is called for every session that was due, one at a time.
	// err is set for a failed renewal.
	Report func(key string, result KeepAliveResult, err error)
}

// A KeepAliveResult is what became of a session that was due.
type KeepAliveResult string

// The results of a session that was due.
const (
	// KeepAliveRenewed: the server issued new tokens.
	KeepAliveRenewed KeepAliveResult = "renewed"
	// KeepAliveElsewhere: another process has renewed it meanwhile, or is at it.
	KeepAliveElsewhere KeepAliveResult = "elsewhere"
	// KeepAliveEnded: the session was over: a person has to sign in again.
	KeepAliveEnded KeepAliveResult = "ended"
	// KeepAliveFailed: the renewal failed, or the record cannot be read. The
	// session is kept, and is due again in the next sweep.
	KeepAliveFailed KeepAliveResult = "failed"
)

// A KeepAliveReport counts what one sweep did.
type KeepAliveReport struct {
	// Checked is how many records were looked at. NotDue of them have tokens that
	// are not old enough, whatever else they are. Those that are not counted at all
	// are ended, of another app or token endpoint, without refresh token, or no
	// sessions.
	Checked int `json:"checked"`
	NotDue  int `json:"not_due"`
	// Renewed, Elsewhere, Ended and Failed count the results.
	Renewed   int `json:"renewed"`
	Elsewhere int `json:"elsewhere"`
	Ended     int `json:"ended"`
	Failed    int `json:"failed"`
}

func (r *KeepAliveReport) count(result KeepAliveResult) {
	switch result {
	case KeepAliveRenewed:
		r.Renewed++
	case KeepAliveElsewhere:
		r.Elsewhere++
	case KeepAliveEnded:
		r.Ended++
	case KeepAliveFailed:
		r.Failed++
	}
}

// KeepAlive goes once through all sessions of the store and renews those that
// were not renewed for a while, so that the server does not end them for
// inactivity. Run it every hour or so. e is the endpoint that the sessions belong
// to; those of others are left alone.
//
// Any number of machines may run it side by side on one store: each renewal locks
// its key and reads the record again, so that the second machine finds the
// first one's tokens and sends nothing. A failure of one session stops no other.
// Memory does not grow with the number of sessions.
//
// The error is about the sweep: the store could not list its records, ctx ended,
// or e cannot be used. What was begun is finished and counted.
func (s *Sessions) KeepAlive(ctx context.Context, e Endpoint, opts KeepAliveOptions) (KeepAliveReport, error) {
	k := &keepAlive{sessions: s, endpoint: e, KeepAliveOptions: opts}
	if k.Idle <= 0 {
		k.Idle = 20 * time.Hour
	}
	if !(k.PerSecond > 0) {
		k.PerSecond = 10
	}
	if k.Parallel <= 0 {
		k.Parallel = 4
	}
	probe, err := newSession(s, "", e)
	if err != nil {
		return KeepAliveReport{}, err
	}
	k.issuer = probe.issuer
	err = k.sweep(ctx)
	return k.report, err
}

type keepAlive struct {
	KeepAliveOptions
	sessions *Sessions
	endpoint Endpoint
	issuer   string

	mu     sync.Mutex // held while Report runs
	report KeepAliveReport
}

// sweep walks the records and starts the renewals that are due.
func (k *keepAlive) sweep(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	slots := make(chan struct{}, k.Parallel)
	interval := max(time.Duration(float64(time.Second)/k.PerSecond), 1)
	next := time.Now()
	for stored, err := range records(ctx, k.sessions.store) {
		if err != nil {
			return storeError("list", "", err)
		}
		notDue := false
		if issued, ok := issuedAt(stored.Data); ok {
			notDue = !k.due(issued, 1)
		}
		var r *record
		if !notDue {
			if r, err = stored.parse(); err == nil && k.concerns(r) {
				notDue = !k.due(r.IssuedAt, jitterOf(r))
			}
		}
		k.mu.Lock()
		k.report.Checked++
		if notDue {
			k.report.NotDue++
		}
		k.mu.Unlock()
		switch {
		case err != nil:
			k.done(stored.Key, KeepAliveFailed, err)
			continue
		case notDue, !k.concerns(r):
			continue
		}
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		if !sleep(ctx, time.Until(next)) {
			return ctx.Err()
		}
		next = time.Now().Add(interval)
		wg.Go(func() {
			defer func() { <-slots }()
			result, err := k.renew(ctx, stored.Key)
			k.done(stored.Key, result, err)
		})
	}
	return ctx.Err()
}

// concerns reports whether r is a session of the app and the endpoint that can be
// renewed.
func (k *keepAlive) concerns(r *record) bool {
	return r != nil && r.Kind == kindSession && r.Issuer == k.issuer && r.ClientID == k.sessions.client.id && r.Ended == nil && r.RefreshToken != ""
}

// jitterOf is a number from 0 to 1 that is the same in every sweep.
func jitterOf(r *record) float64 {
	sum := sha256.Sum256([]byte(r.Version))
	return float64(binary.BigEndian.Uint32(sum[:])) / math.MaxUint32
}

// due reports whether tokens issued at that time were not renewed for Idle, less
// up to a hundredth.
func (k *keepAlive) due(issued time.Time, jitter float64) bool {
	return time.Since(issued) >= k.Idle-time.Duration(float64(k.Idle/100)*jitter)
}

// renew renews the session of key if it is still due.
func (k *keepAlive) renew(ctx context.Context, key string) (KeepAliveResult, error) {
	// The walk may have read the record a while ago.
	stored, err := loadRecord(ctx, k.sessions.store, key)
	if err != nil {
		return KeepAliveFailed, err
	}
	if !k.concerns(stored) || !k.due(stored.IssuedAt, 1) {
		return KeepAliveElsewhere, nil
	}
	o, err := k.sessions.borrow(key, k.endpoint)
	if err != nil {
		return KeepAliveFailed, err
	}
	defer k.sessions.giveBack(o, k.endpoint)
	changes, err := o.cache.renewVersion(ctx, stored.Version)
	// Again at once, and not in the next sweep: a server that moves its sessions to
	// another token algorithm forgives the parent for some seconds alone.
	for _, pause := range keepAlivePauses {
		if !passes(err) || !sleep(ctx, pause) {
			break
		}
		changes, err = o.cache.renewVersion(ctx, stored.Version)
	}
	var reauth *ReauthError
	switch {
	case errors.Is(err, errBusy):
		return KeepAliveElsewhere, nil
	case errors.As(err, &reauth):
		return KeepAliveEnded, err
	case err != nil:
		return KeepAliveFailed, err
	}
	result := KeepAliveElsewhere
	for _, c := range changes {
		switch c.Kind {
		case ChangeEnded: // an access token that is good is no error yet
			return KeepAliveEnded, c.Err
		case ChangeRotated, ChangePending:
			result = KeepAliveRenewed
		}
	}
	return result, nil
}

// keepAlivePauses are the pauses before a failed renewal is tried again.
var keepAlivePauses = [...]time.Duration{2 * time.Second, 4 * time.Second}

// passes reports whether a renewal failed in a way that may be over at once.
func passes(err error) bool {
	var te *TokenError
	return errors.As(err, &te) && !te.lasting() && te.wait() == 0
}

func (k *keepAlive) done(key string, result KeepAliveResult, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.report.count(result)
	if k.Report != nil {
		if failed := Safely("a Report function", func() error {
			k.Report(key, result, err)
			return nil
		}); failed != nil && k.sessions.logger != nil {
			k.sessions.logger.Error(failed.Error())
		}
	}
}
