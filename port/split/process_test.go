package split_test

func playProcess() {}
