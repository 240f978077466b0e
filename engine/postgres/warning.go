package postgres

// Warning says that a key was accepted but does not do here what it does in
// libpq. It never holds a value.
type Warning struct {
	Key     string
	Message string
}

// String gives the key and the message.
func (w Warning) String() string { return w.Key + ": " + w.Message }
