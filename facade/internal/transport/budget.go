package transport

import "sync"

// DefaultBudget is how many retries the calls of a client share.
const DefaultBudget = 50

// budgetEarned is what a call that succeeds earns back of a retry.
const budgetEarned = 0.1

// Budget keeps a server that fails from being sent the same calls again and
// again: each retry costs one, each success earns a tenth, up to the size. It
// is shared by all callers of a client. A 429 costs nothing: see [RateLimiter].
type Budget struct {
	mu         sync.Mutex
	size, left float64
}

// NewBudget returns a full budget of so many retries; zero is [DefaultBudget].
func NewBudget(size int) *Budget {
	if size == 0 {
		size = DefaultBudget
	}
	return &Budget{size: float64(size), left: float64(size)}
}

func (b *Budget) take() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.left < 1 {
		return false
	}
	b.left--
	return true
}

func (b *Budget) succeeded() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.left = min(b.size, b.left+budgetEarned)
}
