package mqtt

import (
	"errors"
	"fmt"
	"io"
	"syscall"
)

// reason is what a broker's code means, with its own words.
func reason(spoken wire, answer packet) string {
	text := spoken.words(answer.code())
	if text == "" {
		text = fmt.Sprintf("code 0x%02X", answer.code())
	}
	if answer.words != "" {
		text += " (" + answer.words + ")"
	}
	return text
}

// answerOf makes an error of a broker's refusal. A low code in answer to MQTT 5 comes from a broker of 3.1.1.
func answerOf(spoken wire, answer packet) *AnswerError {
	if code := answer.code(); spoken.protocol() == 5 && code > 0 && code < firstRefusal {
		spoken = wire4{}
	}
	return &AnswerError{Protocol: spoken.protocol(), Code: answer.code(), Reason: reason(spoken, answer)}
}

// closedByPeer reports whether the other side has ended the connection without a word.
func closedByPeer(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || isReset(err)
}

// isReset reports whether the other side's system has ended a connection, rather than its program.
func isReset(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNABORTED)
}

// isRefused reports whether nobody listens.
func isRefused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }
