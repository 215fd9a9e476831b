// Package crashtest holds a store against real processes: several at once,
// and ones that are killed in the middle of an Update. The processes are
// copies of the test binary. They die of SIGKILL, so that nothing of theirs
// gets to tidy up.
package crashtest

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/credkit/credkit-go/facade/auth"
)

// Environment variables tell a child that it is one: where its store is, and
// how often it updates it, 0 for ever.
const (
	location = "CREDKIT_CRASHTEST"
	updates  = "CREDKIT_CRASHTEST_UPDATES"
)

// key is the record that all children update.
const key = "session"

// Report is what came of a run.
type Report struct {
	Kills   int
	Updates uint64 // in all children together
	Old     int    // kills after which the record was the one last reported saved
	New     int    // kills after which it was the one being saved
}

func (r Report) String() string {
	return fmt.Sprintf("%d processes killed during %d updates: store readable %d times, old record %d times, new record %d times",
		r.Kills, r.Updates, r.Old+r.New, r.Old, r.New)
}

// Run kills children at random moments of an Update and looks at the store
// after each. It is the whole body of the test that t runs, because children
// run that test again: where names the store for them, and open opens it from
// that name. In a child, Run does not return.
func Run(t *testing.T, kills int, where func() string, open func(where string) (auth.Store, error)) {
	serve(open)
	at := where()
	store, err := open(at)
	if err != nil {
		t.Fatal(err)
	}
	defer closeStore(store)
	report := Report{Kills: kills}
	last := uint64(0)
	for i := range kills {
		c := child{t: t, where: at}
		c.run()
		n, err := look(t.Context(), store)
		if err != nil {
			t.Fatalf("after kill %d: %v", i+1, err)
		}
		saved := max(c.saved, last)
		switch n {
		case saved:
			report.Old++
		case saved + 1:
			report.New++
		default:
			t.Fatalf("after kill %d: the store has record %d, but record %d was saved last", i+1, n, saved)
		}
		report.Updates += n - last
		last = n
	}
	t.Log(report)
}

// Race has several children update the record at once, each so many times,
// and wants none of the updates lost. It is the whole body of a test, as Run.
func Race(t *testing.T, children, times int, where func() string, open func(where string) (auth.Store, error)) {
	serve(open)
	at := where()
	store, err := open(at)
	if err != nil {
		t.Fatal(err)
	}
	defer closeStore(store)
	var wg sync.WaitGroup
	for range children {
		wg.Go(func() {
			if out, err := command(t, at, times).Output(); err != nil {
				t.Errorf("a child: %v\n%s", err, out)
			}
		})
	}
	wg.Wait()
	n, err := look(t.Context(), store)
	if err != nil || n != uint64(children*times) {
		t.Errorf("the store has record %d, %v, want %d", n, err, children*times)
	}
}

// closeStore closes a store that holds something open.
func closeStore(store auth.Store) {
	if closer, ok := store.(io.Closer); ok {
		_ = closer.Close()
	}
}

// look returns the number of the record. It takes the lock, which a killed
// process must have left: so a commit that is still on its way has arrived.
func look(ctx context.Context, store auth.Store) (n uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	var locked []byte
	err = store.Update(ctx, key, func(_ context.Context, current []byte) ([]byte, error) {
		locked = bytes.Clone(current)
		return nil, nil
	})
	if err != nil {
		return 0, err
	}
	loaded, err := store.Load(ctx, key)
	if err != nil {
		return 0, err
	}
	if !bytes.Equal(locked, loaded) {
		return 0, errors.New("f got another record than Load")
	}
	return number(loaded)
}

// update counts up in the store, so many times or for ever if times is 0, and
// says what it has saved.
func update(store auth.Store, times int) error {
	for i := 0; times == 0 || i < times; i++ {
		var n uint64
		err := store.Update(context.Background(), key, func(_ context.Context, current []byte) (next []byte, err error) {
			if n, err = number(current); err != nil {
				return nil, err
			}
			n++
			return record(n), nil
		})
		if err != nil {
			return err
		}
		if _, err := fmt.Println("saved", n); err != nil {
			return err
		}
	}
	return nil
}

// serve is what a child does instead of the test. Elsewhere it does nothing.
func serve(open func(where string) (auth.Store, error)) {
	at := os.Getenv(location)
	if at == "" {
		return
	}
	times, err := strconv.Atoi(os.Getenv(updates))
	if err == nil {
		var store auth.Store
		if store, err = open(at); err == nil {
			err = update(store, times)
		}
	}
	if err != nil {
		fmt.Println("failed", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// command is a copy of this process that runs test t as a child.
func command(t *testing.T, where string, times int) *exec.Cmd {
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.count=1")
	cmd.Env = append(os.Environ(), location+"="+where, updates+"="+strconv.Itoa(times))
	cmd.Stderr = os.Stderr
	return cmd
}

// child is one process that will be killed.
type child struct {
	t     *testing.T
	where string
	saved uint64 // the last record it has reported
}

// run starts the process, lets it make one update at least and kills it a
// random moment later.
func (c *child) run() {
	c.t.Helper()
	cmd := command(c.t, c.where, 0)
	out, err := cmd.StdoutPipe()
	if err != nil {
		c.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	var kill *time.Timer
	for lines := bufio.NewScanner(out); lines.Scan(); {
		n, err := strconv.ParseUint(string(bytes.TrimPrefix(lines.Bytes(), []byte("saved "))), 10, 64)
		if err != nil {
			c.t.Errorf("the child says %q", lines.Text())
			break
		}
		c.saved = n
		if kill == nil {
			kill = time.AfterFunc(rand.N(15*time.Millisecond), func() { _ = cmd.Process.Kill() })
		}
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if c.saved == 0 {
		c.t.Fatal("the child saved nothing")
	}
}

// record n is its number, as much filler as 0 to 16 KiB, and a checksum.
func record(n uint64) []byte {
	b := binary.BigEndian.AppendUint64(nil, n)
	b = append(b, bytes.Repeat([]byte{byte(n)}, int(n*7919%16384))...)
	sum := sha256.Sum256(b)
	return append(b, sum[:]...)
}

// number returns the number of a record, 0 for none, and an error for
// anything that is not a whole record.
func number(b []byte) (uint64, error) {
	if b == nil {
		return 0, nil
	}
	if len(b) < 8 {
		return 0, fmt.Errorf("a record of %d bytes was never saved", len(b))
	}
	n := binary.BigEndian.Uint64(b)
	if !bytes.Equal(b, record(n)) {
		return 0, fmt.Errorf("a record of %d bytes is not record %d", len(b), n)
	}
	return n, nil
}
