package transport

import (
	"context"
	"math/rand/v2"
	"time"
)

// WaitToResume waits before a page whose response was cut off is asked for
// again, as before any repeat of a call; tries counts the requests that brought
// nothing new. It returns why the page is not asked for again, or the error of
// a context that has ended.
func WaitToResume(ctx context.Context, policy RetryPolicy, budget *Budget, tries int) (gaveUp string, err error) {
	policy = policy.withDefaults()
	mean := min(policy.FirstDelay, policy.MaxDelay)
	for range tries - 1 {
		mean = min(2*mean, policy.MaxDelay)
	}
	wait := time.Duration(rand.Float64() * 2 * float64(mean)) //nolint:gosec // a delay is no secret
	if gaveUp := giveUp(ctx, policy, budget, tries, wait, 0); gaveUp != "" {
		return gaveUp, nil
	}
	return "", sleep(ctx, wait)
}
