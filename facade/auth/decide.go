package auth

import "time"

// This file decides what happens to a session. Nothing in it waits, asks or
// writes; refresh.go carries out what it says. A session is in one of four
// states, by its record in the store and the memory of this process:
//
//	absent   there is no record
//	good     there is one, and nothing newer is known here
//	pending  this process holds the successor of the stored record, not saved yet
//	ended    the record says that the server no longer knows the session
//
// The invariant: the store holds the server's current refresh token or its
// direct parent. A refresh token is sent only while it is the stored one,
// under the key's lock, once for each lock. T is the access token at hand.
//
//	state    event                     sent            saved                     handed out             then
//	absent   a token is needed         -               -                         ReauthError            absent
//	good     another version is        -               -                         the stored one         good
//	         stored, and usable                        (adopted)
//	good     the version held is due   refresh token   by outcome:
//	         or refused, or the
//	         stored one not usable
//	  granted                                          successor                 the new one            good
//	  granted, the save fails                          -                         the new one            pending
//	  dead                                             ended mark                T to its end,          ended
//	                                                                             then ReauthError
//	  misconfigured                                    -                         T, then ConfigError    good
//	  rejected                                         -                         T, then TokenError     good
//	  unsent, throttled, ambiguous                     -                         T, then TokenError;    good
//	                                                                             from the top after a pause
//	good     the same, but there is    -               -                         T, then ReauthError    good
//	         no refresh token
//	pending  a pause is over, or a     -               successor, if the store   T, then StoreError     good, or pending
//	         token is needed                           still has its parent
//	pending  the store has moved on    -               -                         the stored one         by what is stored
//	ended    a token is needed         -               -                         T, then ReauthError    ended
//	any      a person signs in         -               sign-in                   the new one            good
//	any      the session is forgotten  -               deletion                  ReauthError            absent
//	any      the record is of another  -               -                         ConfigError            unchanged
//	         issuer or app

// A view is what a decision is made of besides the record.
type view struct {
	kind, issuer, clientID string
	held                   string // version in use here, "" if none
	rejected               string // access token that a service refused, "" if none
	now                    time.Time
}

// An action is what to do about a record.
type action int

const (
	actAbsent  action = iota // nobody is signed in
	actForeign               // the record is another issuer's or app's: keep off
	actAdopt                 // use the stored access token
	actEnded                 // the session is over
	actStuck                 // the access token is over and cannot be renewed
	actSend                  // send the stored refresh token, if the lock is held
)

// decide says what to do when the token at hand is due or refused, or there
// is none. It is asked twice: before the lock, where actSend means to take it,
// and under it.
func decide(r *record, v view) action {
	switch {
	case r == nil:
		return actAbsent
	case r.Kind != v.kind || r.Issuer != v.issuer || r.ClientID != v.clientID:
		return actForeign
	case r.Version != v.held && (v.rejected == "" || r.AccessToken != v.rejected) && r.usable(v.now):
		return actAdopt
	case r.Ended != nil:
		return actEnded
	case r.Kind == kindSession && r.RefreshToken == "":
		return actStuck
	}
	return actSend
}

// successor makes the record that a token request leads to, which was granted a
// or failed with te; nil leaves the stored one as it is. What was granted is
// saved whatever else the response is.
func successor(r *record, v view, a response, te *TokenError, asked time.Time) *record {
	switch {
	case te == nil:
		cause := causeExpiry
		if v.rejected != "" && r.AccessToken == v.rejected {
			cause = causeRefused
		}
		return r.rotate(a, asked, cause)
	case te.outcome == dead:
		return r.end(te.Code, te.reason, v.now)
	}
	return nil
}

// A saveAction is what to do about a pending record.
type saveAction int

const (
	saveNow   saveAction = iota // the store still has its parent: write
	saveDone                    // it has been written after all
	saveMoved                   // the store has moved on: drop it
)

// decideSave compares versions: from is the one that the pending version
// follows.
func decideSave(stored *record, from, pending string) saveAction {
	switch {
	case stored == nil:
		return saveMoved
	case stored.Version == from:
		return saveNow
	case stored.Version == pending:
		return saveDone
	}
	return saveMoved
}
