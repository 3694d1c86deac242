//go:build !linux

package real

import "syscall"

// dieWithParent is known to Linux only: elsewhere a killed test leaves its
// servers behind.
func dieWithParent() *syscall.SysProcAttr { return nil }
