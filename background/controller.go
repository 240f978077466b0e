package background

import (
	"context"
	"fmt"
	"time"
)

// Controller decides over each batch, as upstream's on_update, default_batch_size and min_batch_size do.
type Controller interface {
	// OnUpdate is called before each batch, and may hold it back by returning late. database is the Name of the Config;
	// oneshot says that the update is one piece of work whatever the batch size. target is how long the batch should
	// take, 0 leaves Pacing's; release is called after the batch and may be nil.
	OnUpdate(ctx context.Context, update, database string, oneshot bool) (target time.Duration, release func(), err error)
	// DefaultBatchSize is the size of an update's first batch; 0 leaves Pacing's.
	DefaultBatchSize(ctx context.Context, update, database string) (int, error)
	// MinBatchSize is the smallest size of a batch; 0 leaves Pacing's.
	MinBatchSize(ctx context.Context, update, database string) (int, error)
}

// admit waits until a batch may begin. The caller calls release after it.
func (r *run) admit(ctx context.Context, update string, oneshot bool) (bounds limits, release func(), err error) {
	config := &r.updater.config
	bounds, release = config.Pacing.limits(), func() {}
	if config.pauses() {
		parts := r.updater.partsOf(update)
		bounds.target /= time.Duration(parts)
		if err := config.Clock.Sleep(ctx, r.crowd.stretch(config.Pacing.Sleep/time.Duration(parts))); err != nil {
			return bounds, release, err
		}
	}
	if config.Controller == nil {
		return bounds, release, nil
	}
	if err := r.askSizes(ctx, update, &bounds); err != nil {
		return bounds, release, err
	}
	target, given, err := config.Controller.OnUpdate(ctx, update, config.Name, oneshot)
	if err != nil {
		return bounds, release, fmt.Errorf("ask the controller of background updates: %w", err)
	}
	if target > 0 {
		bounds.target = target
	}
	if given != nil {
		release = given
	}
	return bounds, release, nil
}

func (r *run) askSizes(ctx context.Context, update string, bounds *limits) error {
	config := &r.updater.config
	for _, question := range []struct {
		ask    func(ctx context.Context, update, database string) (int, error)
		answer *int
	}{{config.Controller.DefaultBatchSize, &bounds.first}, {config.Controller.MinBatchSize, &bounds.smallest}} {
		size, err := question.ask(ctx, update, config.Name)
		if err != nil {
			return fmt.Errorf("ask the controller of background updates for a batch size: %w", err)
		}
		if size > 0 {
			*question.answer = min(size, bounds.most)
		}
	}
	return nil
}
