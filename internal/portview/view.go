package portview

// View is what there is to see at one moment.
type View struct {
	Title    string   // what is going on, such as the command and its source
	Clock    string   // how long it has been going on
	Phase    string   // what is being done now
	Fraction float64  // of all the work, from 0 to 1; negative when it is not known
	Figures  []string // counts, rates, the time left: the most important first, as those that do not fit are left out
	Tables   []Table
	Stopping bool // the port has been told to stop
}

// Table is how far one table is.
type Table struct {
	Name    string
	Done    int64 // rows
	Total   int64 // rows
	Begun   bool
	Ended   bool
	Figures string // beside the percentage, such as rows and what happens besides
}

// group is 0 for tables being worked on, 1 for those that have not begun, 2 for those that are done.
func (t Table) group() int {
	switch {
	case t.Ended:
		return 2
	case t.Begun:
		return 0
	}
	return 1
}

// percent is how much of the table is done; 100 only when it has ended or nothing is left.
func (t Table) percent() int {
	switch {
	case t.Ended:
		return 100
	case t.Total <= 0:
		return 0
	}
	return percent(float64(t.Done) / float64(t.Total))
}
