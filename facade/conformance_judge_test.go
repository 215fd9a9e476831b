package facade_test

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/credkit/credkit-go/facade"
	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/auth/signin"
)

// judge holds the outcome against the expected one.
func (c *conformanceCase) judge(got outcome) (all []string) {
	addf := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	want := c.Result
	switch {
	case want.Error == nil && got.err != nil:
		addf("it failed: %v", got.err)
	case want.Error != nil && got.err == nil:
		addf("it did not fail, want %s", want.Error.Kind)
	case want.Error != nil:
		for _, difference := range want.Error.differences(got.err) {
			addf("%s, in: %v", difference, got.err)
		}
	}
	if len(want.Value) > 0 {
		if diff := diffValue(want.Value, got.value); diff != "" {
			addf("the value differs:\n%s", diff)
		}
	} else if got.value != nil {
		addf("there is a value: %v", got.value)
	}
	if len(want.Values) != len(got.values) {
		addf("%d elements, want %d", len(got.values), len(want.Values))
	}
	for i := range min(len(want.Values), len(got.values)) {
		if diff := diffValue(want.Values[i], got.values[i]); diff != "" {
			addf("element %d differs:\n%s", i, diff)
		}
	}
	if len(want.Mismatchs) != len(got.mismatches) {
		addf("%d mismatches, want %d: %v", len(got.mismatches), len(want.Mismatchs), got.mismatches)
	}
	for i := range min(len(want.Mismatchs), len(got.mismatches)) {
		if m := want.Mismatchs[i]; got.mismatches[i].Index != m.Index || got.mismatches[i].Path != m.Path {
			addf("mismatches %v, want index %d and path %s", got.mismatches[i], m.Index, m.Path)
		}
	}
	return all
}

func diffValue(want json.RawMessage, got any) string {
	text, err := json.Marshal(got)
	if err != nil {
		return err.Error()
	}
	return diffJSON(want, text)
}

// expectedError is what an error must be; only what is given is looked at.
type expectedError struct {
	Kind       string              `json:"kind"`
	Status     int                 `json:"status"`
	Code       string              `json:"code"`
	Message    string              `json:"message"`
	Says       string              `json:"says"`
	Fields     map[string][]string `json:"fields"`
	RequestID  string              `json:"request_id"`
	Attempts   int                 `json:"attempts"`
	RetryAfter string              `json:"retry_after"`
	Missing    []string            `json:"missing"`
	Refused    bool                `json:"refused"`
	Reason     string              `json:"reason"`
}

// fits reports whether the error is of the kind.
func (e *expectedError) fits(err error) bool {
	var scope *facade.ScopeError
	var reauth *auth.ReauthError
	var config *auth.ConfigError
	var token *auth.TokenError
	var signIn *signin.Error
	switch e.Kind {
	case "unauthorized":
		return errors.Is(err, facade.ErrUnauthorized)
	case "forbidden":
		return errors.Is(err, facade.ErrForbidden)
	case "not_found":
		return errors.Is(err, facade.ErrNotFound)
	case "rate_limited":
		return errors.Is(err, facade.ErrRateLimited)
	case "invalid":
		return errors.Is(err, facade.ErrInvalid)
	case "retired":
		return errors.Is(err, facade.ErrRetired)
	case "bad_answer":
		return errors.Is(err, facade.ErrInvalidResponse)
	case "scope":
		return errors.As(err, &scope) && errors.Is(err, facade.ErrForbidden)
	case "sign_in_again":
		return errors.As(err, &reauth) && errors.Is(err, facade.ErrUnauthorized)
	case "sign_in":
		return errors.As(err, &signIn)
	case "configuration":
		return errors.As(err, &config)
	case "token":
		return errors.As(err, &token)
	case "other":
		return true
	default:
		return false
	}
}

func (e *expectedError) differences(err error) (all []string) {
	expect := func(what string, same bool) {
		if !same {
			all = append(all, what+" is not as expected")
		}
	}
	expect("the kind "+e.Kind, e.fits(err))
	expect("what it says", strings.Contains(err.Error(), e.Says))
	var apiErr *facade.Error
	if errors.As(err, &apiErr) {
		expect("the status", e.Status == 0 || apiErr.Status == e.Status)
		expect("the code", e.Code == "" || apiErr.Code == e.Code)
		expect("the message", e.Message == "" || apiErr.Message == e.Message)
		expect("the request id", e.RequestID == "" || apiErr.RequestID == e.RequestID)
		expect("the number of attempts", e.Attempts == 0 || apiErr.Attempts == e.Attempts)
		expect("the time to wait", e.RetryAfter == "" || apiErr.RetryAfter.String() == e.RetryAfter)
		fields, _ := json.Marshal(apiErr.Fields)
		wanted, _ := json.Marshal(e.Fields)
		expect("the fields", e.Fields == nil || diffJSON(wanted, fields) == "")
	} else {
		expect("the response", e.Status == 0 && e.Attempts == 0)
	}
	var scope *facade.ScopeError
	if errors.As(err, &scope) {
		expect("the missing scopes", strings.Join(scope.Missing, " ") == strings.Join(e.Missing, " "))
		expect("who refused", scope.Refused == e.Refused)
	}
	var signIn *signin.Error
	if errors.As(err, &signIn) {
		expect("the code", signIn.Code == e.Code)
	}
	var reauth *auth.ReauthError
	if errors.As(err, &reauth) {
		expect("the reason", e.Reason == "" || e.Reason == cmp.Or(reauth.Code, reauth.Reason))
	}
	return all
}
