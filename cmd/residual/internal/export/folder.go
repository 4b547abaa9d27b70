package export

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/residualdb/residual/cmd/residual/internal/client"
)

// FolderOptions say how a folder is filled.
type FolderOptions struct {
	// From and To bound the rows; the zero time is no bound.
	From, To time.Time
	// Force replaces an export that is there.
	Force bool
	// Parallel is how many partitions are written at a time. Default: 1.
	Parallel int
	// OnPlan learns how many rows the models have that are asked for, whatever the other parameters leave out. Default: nobody.
	OnPlan func(rows int64)
}

// Filled is what a folder has come to.
type Filled struct {
	Counts // of this call
	// Files were written now, Kept before.
	Files, Kept int
}

// Folder writes a file for each model and month. Files that an earlier call has written stay as they are, so that after an error the
// same call goes on with those that are missing.
func (e *Export) Folder(ctx context.Context, dir string, opts FolderOptions) (filled Filled, err error) {
	f, err := openFolder(dir, &e.Question, opts.Force)
	if err != nil {
		return Filled{}, err
	}
	defer func() { err = errors.Join(err, f.close()) }()
	models, err := e.models(ctx)
	if err == nil {
		err = checkNames(models)
	}
	if err != nil {
		return Filled{}, err
	}
	if opts.OnPlan != nil {
		rows := int64(0)
		for i := range models {
			rows += models[i].Predictions
		}
		opts.OnPlan(rows)
	}
	w := writing{export: e, folder: f}
	if err := w.all(ctx, models, opts); err != nil {
		return w.filled, err
	}
	f.Complete, f.Files = true, w.filled.Files+w.filled.Kept
	return w.filled, f.save()
}

// writing is one call of Folder: several goroutines write partitions.
type writing struct {
	export *Export
	folder *folder

	mu sync.Mutex
	// Guarded by mu.
	filled Filled
}

// all writes what is missing.
func (w *writing) all(ctx context.Context, models []model, opts FolderOptions) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	queue := make(chan Part)
	var writers sync.WaitGroup
	for range max(opts.Parallel, 1) {
		writers.Go(func() {
			for p := range queue {
				if err := w.write(ctx, &p); err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	for p := range parts(models, opts.From, opts.To) {
		select {
		case queue <- p:
			continue
		case <-ctx.Done():
		}
		break
	}
	close(queue)
	writers.Wait()
	return context.Cause(ctx)
}

// write writes a partition, unless it is there.
func (w *writing) write(ctx context.Context, p *Part) error {
	name := w.folder.path(filepath.Join(p.folder(w.folder.foldsCase), w.folder.Question.partName()))
	_, err := os.Stat(name)
	if err == nil {
		w.add(Filled{Kept: 1})
		return nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return w.export.Client.Retry(ctx, func() error {
		file, err := createTemp(w.folder.dir, partUse)
		if err != nil {
			return client.Permanent(err)
		}
		defer file.discard()
		done, err := w.export.fill(ctx, file, w.folder.Question.of(p))
		if err != nil || done.Rows == 0 {
			return err
		}
		if err := file.commit(name); err != nil {
			return client.Permanent(err)
		}
		w.add(Filled{Counts: done, Files: 1})
		return nil
	})
}

func (w *writing) add(x Filled) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.filled.Rows += x.Rows
	w.filled.Bytes += x.Bytes
	w.filled.Files += x.Files
	w.filled.Kept += x.Kept
}
