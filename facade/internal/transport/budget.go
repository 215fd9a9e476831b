package transport

import "sync"

// Budget keeps a sick server from being hammered: each retry costs one, each
// answered call earns a tenth. It is shared by all callers of a client.
type Budget struct {
	mu   sync.Mutex
	left float64
}

const (
	budgetSize = 50
	budgetEarn = 0.1
)

// NewBudget returns a full budget.
func NewBudget() *Budget { return &Budget{left: budgetSize} }

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
	b.left = min(budgetSize, b.left+budgetEarn)
}
