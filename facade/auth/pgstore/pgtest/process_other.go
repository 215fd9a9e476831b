//go:build !unix

package pgtest

import "os/exec"

type account struct{ uid, gid uint32 }

// serverAccount says that servers are started on unix alone.
func serverAccount() (*account, error) { return nil, errMissing }

func setProcess(*exec.Cmd, *account) {}
