package facade_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/credkit/credkit-go/facade"
)

// cutAt is a response that ends with a broken connection after n bytes.
func cutAt(body string, n int) reply {
	return reply{reader: io.NopCloser(io.MultiReader(strings.NewReader(body[:n]), failing{io.ErrUnexpectedEOF}))}
}

// Wherever a page is cut, the list comes out whole and each element once.
func TestAPageThatIsCutIsRequestedAgain(t *testing.T) {
	first := `{"data":[` + certs(uuid1) + `],"page":{"next_cursor":"2"}}`
	second := `{"data":[` + certs(uuid2) + `,7,` + certs(uuid3) + `],"page":null}`
	for _, ahead := range []int{0, 1, 256} {
		for n := range len(second) - 1 {
			synctest.Test(t, func(t *testing.T) {
				for _, replies := range [][]reply{
					{jsonReply(first), cutAt(second, n), cutAt(second, n/2), jsonReply(second)},
					{cutAt(first, n%len(first)), jsonReply(first), jsonReply(second)},
				} {
					s := &script{replies: replies}
					requests := len(replies)
					items, mismatches, err := drain(t.Context(), newCosmic(t, s, unchecked, facade.WithReadAhead(ahead, 1<<20)).Certifications())
					if err != nil || len(mismatches) != 1 || mismatches[0].Index != 2 || strings.Join(ids(items), " ") != uuid1+" "+uuid2+" "+uuid3 || s.count() != requests {
						t.Fatalf("cut after %d bytes, %d ahead: %v, %v, %v after %d requests", n, ahead, ids(items), mismatches, err, s.count())
					}
				}
			})
		}
	}
}

// What was handed out already must come again, or the list is not the same.
func TestAPageThatHasChangedIsAnError(t *testing.T) {
	page := `{"data":[` + certs(uuid1, uuid2) + `,` + certs(uuid3) + `]}`
	for name, again := range map[string]string{
		"another element":    `{"data":[` + certs(uuid1, uuid3) + `]}`,
		"another order":      `{"data":[` + certs(uuid2, uuid1, uuid3) + `]}`,
		"one less":           `{"data":[` + certs(uuid1) + `]}`,
		"none":               `{"data":[]}`,
		"one does not fit":   `{"data":[` + certs(uuid1) + `,{"id":"` + uuid2 + `","issued_on":7},` + certs(uuid3) + `]}`,
		"everything at once": `[` + certs(uuid3) + `]`,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{replies: []reply{cutAt(page, strings.Index(page, uuid3)), jsonReply(again)}}
				items, _, err := drain(t.Context(), newCosmic(t, s, unchecked).Certifications())
				if !errors.Is(err, facade.ErrTruncated) || !strings.Contains(err.Error(), "changed") || len(items) != 2 {
					t.Errorf("%v, %v", ids(items), err)
				}
			})
		})
	}
}

// A connection that always breaks at the same place is given up after as many
// requests as the policy allows; one that brings a new element each time is not.
func TestACutPageIsRequestedAsLongAsItGoesOn(t *testing.T) {
	var all []string
	for i := range 50 {
		all = append(all, fmt.Sprintf("00000000-0000-4000-8000-%012d", i+1))
	}
	page := `{"data":[` + certs(all...) + `]}`
	synctest.Test(t, func(t *testing.T) {
		s := &script{replies: []reply{cutAt(page, len(page)/2)}}
		items, _, err := drain(t.Context(), newCosmic(t, s, unchecked).Certifications())
		if !errors.Is(err, facade.ErrTruncated) || len(items) < 20 || len(items) > 25 || s.count() != 4 {
			t.Errorf("%d elements after %d requests: %v", len(items), s.count(), err)
		}
		var progress []reply
		for i := range 20 {
			progress = append(progress, cutAt(page, len(page)*(i+1)/21))
		}
		s = &script{replies: append(progress, jsonReply(page))}
		items, _, err = drain(t.Context(), newCosmic(t, s, unchecked).Certifications())
		if err != nil || strings.Join(ids(items), " ") != strings.Join(all, " ") || s.count() != 21 {
			t.Errorf("%d elements after %d requests: %v", len(items), s.count(), err)
		}
	})
}

// The wait before a cut page is requested again ends with the caller's context.
func TestTheWaitForACutPageEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{replies: []reply{cutAt(`{"data":[`, 5)}}
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		slow := facade.WithRetry(facade.RetryPolicy{MaxAttempts: 100, FirstDelay: time.Minute, MaxDelay: time.Minute})
		start := time.Now()
		_, _, err := drain(ctx, newCosmic(t, s, unchecked, slow).Certifications())
		if err == nil || time.Since(start) > 30*time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}
