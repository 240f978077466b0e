package background

// at is the name of the current update.
func (u *Updater) at() string {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	return u.current
}

// begins makes an update the current one. What was left or done before is over: there is something to do.
func (u *Updater) begins(update string) {
	u.setCurrent(update)
	u.mutex.Lock()
	defer u.mutex.Unlock()
	u.complete, u.left = false, nil
}

func (u *Updater) setCurrent(update string) {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	u.current, u.attempts, u.failed, u.rate = update, 0, nil, nil
}

// counted remembers how many updates are unfinished, and how many of those were set aside.
func (u *Updater) counted(pending []Pending) {
	setAside := 0
	for i := range pending {
		if pending[i].Failure != nil {
			setAside++
		}
	}
	u.mutex.Lock()
	defer u.mutex.Unlock()
	u.pending, u.setAside, u.looked = len(pending), setAside, true
}

func (u *Updater) sizeOf(update string, bounds limits) int {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	known := u.of(update)
	known.batchSize = known.next(bounds)
	return known.batchSize
}

// partsOf is into how many batches the next one is divided.
func (u *Updater) partsOf(update string) int {
	if u.config.Controller != nil {
		return 1
	}
	u.mutex.Lock()
	defer u.mutex.Unlock()
	return u.of(update).parts(u.config.Pacing.Target, u.config.Pacing.Parts)
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
