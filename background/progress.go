package background

// at is the name of the current update.
func (u *Updater) at() string {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	return u.current
}

func (u *Updater) setCurrent(update string) {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	u.current, u.attempts, u.failed = update, 0, nil
}

// counted remembers how many updates are unfinished.
func (u *Updater) counted(pending int) {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	u.pending, u.looked = pending, true
}

func (u *Updater) sizeOf(update string, bounds limits) int {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	known := u.of(update)
	known.batchSize = known.next(bounds)
	return known.batchSize
}

func (u *Updater) succeeded(report Report) {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	u.of(report.Update).add(report.Items, report.Duration)
	u.attempts, u.failed = 0, nil
	if report.Done {
		u.current = ""
		u.pending--
	}
}

func (u *Updater) countFailure(err error) (attempts int) {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	u.attempts++
	u.failed = err
	return u.attempts
}
