package main

import (
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// peakMB is what the command may need of the machine's memory, however long the file is: see provisioning/bulk, TestMemory.
const peakMB = 100

// checkPeak asks the system how much memory a command has needed at most.
func checkPeak(t *testing.T, ended *os.ProcessState) {
	t.Helper()
	usage, ok := ended.SysUsage().(*syscall.Rusage)
	require.True(t, ok)
	if ended.ExitCode() >= 0 { // not killed
		t.Logf("the command needed %d MB", usage.Maxrss/1000)
	}
	if !underRaceDetector() { // which needs several times as much
		require.Less(t, usage.Maxrss, int64(peakMB*1000), "kB")
	}
}
