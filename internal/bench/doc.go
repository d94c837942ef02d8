// Package bench holds the benchmarks by which the library's promises about cost are measured, beside the libraries that it stands on.
// It is a module of its own, outside of the workspace, so that tests do not run it.
//
// From its folder:
//
//	GOWORK=off go test -run '^$' -bench . -benchmem -count 5 -cpu 1 .
package bench
