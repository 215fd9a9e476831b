//go:build unix && !linux

package pgtest

import "syscall"

// dieWithParent does nothing: only Linux ends a process with its parent, so a
// killed test binary leaves its server running.
func dieWithParent(*syscall.SysProcAttr) {}
