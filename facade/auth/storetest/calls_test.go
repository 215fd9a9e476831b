package storetest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/credkit/credkit-go/facade/auth"
)

// hangs is a store in memory whose Update of one key never returns.
type hangs struct {
	*auth.MemoryStore
	end chan struct{}
}

func (h hangs) Update(context.Context, string, func(context.Context, []byte) ([]byte, error)) error {
	<-h.end
	return errors.New("the store was closed")
}

func TestAHangingCallIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := hangs{auth.NewMemoryStore(), make(chan struct{})}
		start := time.Now()
		err := check{"replaces", replaces}.within(t.Context(), 20*time.Second, s, s)
		if !errors.Is(err, errHung) || !strings.Contains(err.Error(), "Update(") || strings.Contains(err.Error(), "Load(") {
			t.Error(err)
		}
		if elapsed := time.Since(start); elapsed != 25*time.Second {
			t.Errorf("it took %v", elapsed)
		}
		close(s.end)
		synctest.Wait()
	})
}

func TestACallOfAStoreKeepsItsOtherInterfaces(t *testing.T) {
	var open calls
	if _, ok := open.of(auth.NewMemoryStore()).(auth.RecordReader); !ok {
		t.Error("a store in memory reads records no longer")
	}
	if s := open.of(hangs{auth.NewMemoryStore(), nil}); s == nil || !strings.HasPrefix(open.String(), "none") {
		t.Errorf("%v; open calls: %s", s, &open)
	}
}
