package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/schollz/progressbar/v3"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/provisioning/bulk"
)

// importFile imports one file, and reports whether rows of it were bad.
func importFile(ctx context.Context, o *options, d *database, file string, stdout, stderr io.Writer) (bad bool, err error) {
	f, err := os.Open(file)
	if err != nil {
		return false, err
	}
	defer func() { _ = f.Close() }() // it was only read
	info, err := f.Stat()
	if err != nil {
		return false, err
	}
	read := &counter{r: f}
	reader, err := bulk.NewReader(read)
	if err != nil {
		return false, err
	}
	j := &job{options: o, database: d, reader: reader, screen: newScreen(stderr, info.Size(), o.quiet), read: read}
	if j.name, err = filepath.Abs(file); err != nil {
		return false, err
	}
	summary, err := j.run(ctx, cmp.Or(o.errors, file+".errors"))
	j.screen.finish(file, j.errors.name())
	if err != nil {
		return false, err
	}
	would := ""
	if o.dryRun {
		would = "would be "
	}
	fmt.Fprintf(stdout, "%s (%s): %d records: %s%d created, %d attached, %d joined; %d known, %d skipped, %d bad\n",
		file, reader.Format(), summary.Records(), would, summary.Created, summary.Attached, summary.Joined, summary.Known, summary.Skipped, summary.Bad)
	return summary.Bad > 0, nil
}

// job is the import of one file.
type job struct {
	*options
	*database
	name   string // absolute path
	reader *bulk.Reader
	read   *counter
	screen *screen
	errors *errorFile
	failed error // of Report, which has no error of its own
}

func (j *job) run(ctx context.Context, errorsTo string) (bulk.Summary, error) {
	var from state
	var err error
	if j.resume {
		if from, err = j.loadState(ctx, j.source, j.name); err != nil {
			return bulk.Summary{}, err
		}
	} else if !j.dryRun {
		if err := j.saveState(ctx, j.source, j.name, from); err != nil { // of an import before this one
			return bulk.Summary{}, err
		}
	}
	if !j.dryRun || j.options.errors != "" {
		if j.errors, err = openErrors(errorsTo, j.reader, from.Errors); err != nil {
			return bulk.Summary{}, err
		}
	}
	imports, err := bulk.New(j.config())
	if err != nil {
		return bulk.Summary{}, err
	}
	var summary bulk.Summary
	if from.Source != "" {
		summary, err = imports.Resume(ctx, j.reader, from.Checkpoint)
	} else {
		summary, err = imports.Run(ctx, j.reader)
	}
	return summary, errors.Join(err, j.errors.close())
}

func (j *job) config() bulk.Config {
	actor, by := entra.Environment("entraimport"), bulk.ByEnvironment()
	if j.organization != "" {
		actor, by = entra.Administrator(j.organization, "entraimport"), bulk.ByOrganization(j.organization)
	}
	c := bulk.Config{
		Users: j.users, By: by, Source: j.source, Connections: entra.View{Connections: j.database.connections, By: actor}, Connection: j.connection,
		Expiry: j.expiry, Ignore: j.ignore, DryRun: j.dryRun, Batch: j.batch, Report: j.report, Checkpoint: j.checkpoint,
	}
	c.Keep = j.keep
	return c
}

// report shows a bad row, and writes it into the file of errors.
func (j *job) report(r bulk.Result) {
	if r.Problem == nil {
		return
	}
	j.screen.problem(r.Problem)
	if r.Outcome == bulk.Bad && j.failed == nil {
		j.failed = j.errors.write(r.Problem)
	}
}

// checkpoint notes how far the import is, once the file of errors is as far.
func (j *job) checkpoint(ctx context.Context, c bulk.Checkpoint) error {
	j.screen.progress(j.read.n.Load())
	if j.failed != nil || j.dryRun {
		return j.failed
	}
	size, err := j.errors.size()
	if err != nil {
		return err
	}
	return j.saveState(ctx, j.source, j.name, state{Checkpoint: c, Errors: size})
}

// errorFile is the file of bad rows. The nil one takes nothing.
type errorFile struct {
	f *os.File
	w *bulk.Rejects
}

// openErrors opens the file as it was at a checkpoint; 0 begins anew.
func openErrors(name string, of *bulk.Reader, size int64) (*errorFile, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // the operator names the file; rows are whole, passwords in them too
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && info.Size() < size {
		err = fmt.Errorf("%s has changed since the import was interrupted: begin without -resume", name)
	}
	if err == nil {
		err = f.Truncate(size)
	}
	if err == nil {
		_, err = f.Seek(size, io.SeekStart)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &errorFile{f, bulk.NewRejects(f, of, size > 0)}, nil
}

func (e *errorFile) write(p *bulk.Problem) error {
	if e == nil {
		return nil
	}
	return e.w.Write(p)
}

func (e *errorFile) size() (int64, error) { return e.f.Seek(0, io.SeekCurrent) }

// name is the file's, "" where it holds nothing.
func (e *errorFile) name() string {
	if e == nil {
		return ""
	}
	if info, err := os.Stat(e.f.Name()); err != nil || info.Size() == 0 {
		return ""
	}
	return e.f.Name()
}

// close closes the file, and removes it if it holds nothing.
func (e *errorFile) close() error {
	if e == nil {
		return nil
	}
	size, err := e.size()
	err = errors.Join(err, e.f.Close())
	if err == nil && size == 0 {
		err = os.Remove(e.f.Name())
	}
	return err
}

// counter counts what was read.
type counter struct {
	r io.Reader
	n atomic.Int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n.Add(int64(n))
	return n, err
}

// shown is how many bad rows are shown; the file of errors has all.
const shown = 20

// screen is what somebody who waits sees: a bar, and the first bad rows.
type screen struct {
	w        io.Writer
	bar      *progressbar.ProgressBar // nil: none
	problems int
}

func newScreen(w io.Writer, size int64, quiet bool) *screen {
	s := &screen{w: w}
	if f, ok := w.(*os.File); ok && !quiet {
		if info, err := f.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 { // a log needs no bar
			s.bar = progressbar.NewOptions64(size, progressbar.OptionSetWriter(w), progressbar.OptionShowBytes(true), progressbar.OptionClearOnFinish(), progressbar.OptionFullWidth())
		}
	}
	return s
}

func (s *screen) progress(n int64) {
	if s.bar != nil {
		_ = s.bar.Set64(n) // a bar that cannot be drawn harms nobody
	}
}

func (s *screen) problem(p *bulk.Problem) {
	s.problems++
	if s.problems > shown {
		return
	}
	if s.bar != nil {
		_ = s.bar.Clear()
	}
	word := ""
	if p.Skipped {
		word = " (skipped)"
	}
	fmt.Fprintln(s.w, p.Error()+word)
}

func (s *screen) finish(file, errorsIn string) {
	if s.bar != nil {
		_ = s.bar.Finish()
	}
	if s.problems > shown {
		fmt.Fprintf(s.w, "… and %d more of %s\n", s.problems-shown, file)
	}
	if errorsIn != "" {
		fmt.Fprintf(s.w, "bad rows are in %s: mend them and import it, with the same -source\n", errorsIn)
	}
}
