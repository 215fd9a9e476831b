package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/credkit/credkit-go/facade/sandbox"
)

// asChild is what the program does in a process of its own.
func asChild(ctx context.Context, what string, args []string) error {
	switch {
	case what == "server" && len(args) == 1:
		return serve(args[0])
	case what == "reader" && len(args) == 3:
		return read(ctx, args[0], args[1], args[2])
	default:
		return errors.New("this is for the program itself")
	}
}

// serve runs a sandbox with so many certifications, in one response, and prints
// its address and an access token. It ends with its standard input.
func serve(rows string) error {
	n, err := strconv.Atoi(rows)
	if err != nil {
		return err
	}
	box, err := sandbox.Start(sandbox.WithCertificationCount(n), sandbox.WithoutPaging(), sandbox.WithToday(today), sandbox.WithTokenLifetime(24*time.Hour))
	if err != nil {
		return err
	}
	defer box.Close()
	token, err := box.AccessToken("")
	if err != nil {
		return err
	}
	fmt.Println(box.CosmicURL(), token)
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// read lists everything with one of the peers and prints the rows, the
// seconds, and the most memory that was resident, in bytes.
func read(ctx context.Context, name, base, token string) error {
	all, err := peers(target{base, token, &http.Client{Transport: &http.Transport{}, Timeout: 10 * time.Minute}})
	if err != nil {
		return err
	}
	for _, p := range all {
		if p.name != name {
			continue
		}
		start := time.Now()
		rows, err := p.list(ctx)
		if err != nil {
			return err
		}
		took := time.Since(start)
		peak, err := highWater()
		if err != nil {
			return err
		}
		fmt.Println(rows, took.Nanoseconds(), peak)
		return nil
	}
	return fmt.Errorf("there is no %q", name)
}

// highWater returns the most memory this process has had resident, in bytes.
func highWater() (uint64, error) {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(text), "VmHWM:")
	var kib uint64
	if _, err := fmt.Sscan(rest, &kib); err != nil {
		return 0, fmt.Errorf("/proc/self/status has no VmHWM: %w", err)
	}
	return kib << 10, nil
}

// server is a sandbox in a process of its own.
type server struct {
	base, token string
	stop        func() error
}

func startServer(ctx context.Context, rows int) (*server, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, "-child", "server", strconv.Itoa(rows))
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s := &server{stop: func() error { return errors.Join(stdin.Close(), cmd.Wait()) }}
	if _, err := fmt.Fscan(bufio.NewReader(stdout), &s.base, &s.token); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}
