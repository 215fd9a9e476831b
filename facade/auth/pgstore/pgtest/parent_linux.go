package pgtest

import "syscall"

// dieWithParent has the kernel end the server with the test binary, even if
// that is killed. SIGQUIT makes PostgreSQL stop at once, its children too.
func dieWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGQUIT }
