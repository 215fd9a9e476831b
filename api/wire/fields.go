package wire

import "fmt"

// Fields counts the members of one object that its model declares.
type Fields struct {
	Zeros
	seen, twice uint64
}

// Zeros are the declared members of an object, by their number, that came and
// left the zero value: as null, or as the type's zero value ("", false, 0, {}).
// They are written again as they came while the field is still zero.
type Zeros struct{ null, empty uint64 }

// Form is how a declared member came.
type Form uint8

// The forms of a member.
const (
	// Filled is a value other than the zero value, or one that does not fit.
	Filled Form = iota
	// Null is null.
	Null
	// Empty is the type's zero value.
	Empty
)

// Set notes how the declared member with the given number came.
func (f *Fields) Set(number uint, form Form) {
	bit := uint64(1) << number
	f.twice |= f.seen & bit
	f.seen |= bit
	switch form {
	case Null:
		f.null |= bit
	case Empty:
		f.empty |= bit
	}
}

// End ends an object: a name that came twice is an error.
func (s *Scanner) End(f *Fields) Zeros {
	if f.twice != 0 && s.broken == nil {
		s.fail()
	}
	return f.Zeros
}

// Require notes a mismatch if the member did not come, or came as null.
func (s *Scanner) Require(f *Fields, number uint, name string) {
	bit := uint64(1) << number
	if f.seen&bit == 0 || f.null&bit != 0 {
		s.note(s.at-1, fmt.Sprintf("required %q is missing or null", name))
	}
}

// RequireFilled is Require for an id, of which a zero one is none.
func (s *Scanner) RequireFilled(f *Fields, number uint, name string) {
	s.Require(f, number, name)
	if f.empty>>number&1 != 0 {
		s.note(s.at-1, fmt.Sprintf("required %q is zero", name))
	}
}
