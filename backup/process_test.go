package backup_test

// playProcess does the work of another process, if this one is such, and does not return then.
func playProcess() {}
