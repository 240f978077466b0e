package table

// Rejects reports whether the database refuses a value for what it is, so that writing it again is no use. It is never true for lost connections,
// locks and full disks.
func Rejects(err error) bool { return err == nil && false }
