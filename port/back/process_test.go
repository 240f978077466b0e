package back_test

func playProcess() {}
