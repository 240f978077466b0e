package server

// What the tests need to bring their own clock and versions.
var (
	ChecksAt     = checks
	JudgeVersion = judgeVersion
)
