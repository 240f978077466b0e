package port

// What is still to come of a phase is announced before the first of two targets begins it, so that the time left counts both.

func (m *move) announceScan() {
	for _, r := range m.runs {
		for _, table := range r.plan.tables {
			if len(m.runs) > 1 && !r.recalls(table) {
				m.options.Progress.enter(PhaseScan)
				m.options.Progress.table(table.name, table.rowsAtMost())
			}
		}
	}
}

// announce has the progress count what each run says of its tables.
func (m *move) announce(tables func(*run)) {
	if tables == nil || len(m.runs) == 1 {
		return
	}
	for _, r := range m.runs {
		tables(r)
	}
}

func (r *run) announceCopy() {
	r.options.Progress.enter(PhaseCopy)
	for _, table := range r.plan.tables {
		r.options.Progress.table(table.name, table.work())
	}
}

func (r *run) announceVerify() {
	if r.options.NoVerify {
		return
	}
	r.options.Progress.enter(PhaseVerify)
	for _, table := range r.plan.tables {
		r.options.Progress.table(table.name, table.rows)
	}
}
