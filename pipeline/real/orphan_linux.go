package real

import "syscall"

// dieWithParent lets no server outlive a test binary that was killed.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
