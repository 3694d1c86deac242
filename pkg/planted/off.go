//go:build !mutants

package planted

// On is constantly false: no bug is planted in this build.
func (Bug) On() bool { return false }
