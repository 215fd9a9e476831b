package roster

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"time"

	ics "github.com/arran4/golang-ical"

	"github.com/credkit/credkit-go/facade/safetext"
)

// WriteICS writes a calendar (RFC 5545) with an all-day event on the last day
// of each certification that counts, and an alarm for each window that the day
// has not entered yet. An event keeps its UID as long as the worker's key and
// the type are the same, so that a renewal moves it. Certifications without an
// end have no event.
func (m *Matrix) WriteICS(to io.Writer) error {
	const name = "Certifications that end"
	calendar := ics.NewCalendarFor("credkit roster")
	calendar.SetMethod(ics.MethodPublish)
	calendar.SetName(name)
	calendar.SetXWRCalName(name)
	calendar.SetRefreshInterval("P1D")
	// Event by event: a calendar of a fleet takes hundreds of megabytes as a
	// whole.
	var empty bytes.Buffer
	if err := calendar.SerializeTo(&empty, ics.WithNewLineWindows); err != nil {
		return err
	}
	const end = "END:VCALENDAR\r\n"
	head, found := bytes.CutSuffix(empty.Bytes(), []byte(end))
	if !found {
		return fmt.Errorf("calendar: it does not end with %q", end)
	}
	buffered := bufio.NewWriterSize(to, bufferSize)
	if _, err := buffered.Write(head); err != nil {
		return err
	}
	config := &ics.SerializationConfiguration{MaxLength: 75, NewLine: string(ics.WithNewLineWindows), PropertyMaxLength: 75}
	for _, r := range m.Rows {
		for _, c := range r.Cells {
			if !m.Counts(c) || !c.Held() || c.ExpiresOn.IsZero() {
				continue
			}
			if err := m.event(r, c).SerializeTo(buffered, config); err != nil {
				return err
			}
		}
	}
	if _, err := buffered.WriteString(end); err != nil {
		return err
	}
	return buffered.Flush()
}

func (m *Matrix) event(r Row, c Cell) *ics.VEvent {
	sum := sha256.Sum256([]byte(r.Key + "\x00" + c.Type))
	e := ics.NewEvent(hex.EncodeToString(sum[:16]) + "@roster.credkit")
	e.SetDtStampTime(m.Day.In(time.UTC)) // not now: the same data is the same file
	e.SetAllDayStartAt(c.ExpiresOn.In(time.UTC))
	if next := c.ExpiresOn.AddDays(1).In(time.UTC); next.Year() < 10_000 { // without it the event has one day as well (RFC 5545 section 3.6.1)
		e.SetAllDayEndAt(next)
	}
	e.SetSummary(safetext.Line(r.Name + ": " + c.Title + " ends"))
	e.SetDescription(safetext.Line(fmt.Sprintf("Last day of %s (%s), worker %s.", c.Title, c.Type, r.Key)))
	e.SetClass(ics.ClassificationPrivate)
	e.SetTimeTransparency(ics.TransparencyTransparent)
	for _, days := range m.Due {
		if days >= c.DaysLeft {
			continue
		}
		alarm := e.AddAlarm()
		alarm.SetAction(ics.ActionDisplay)
		alarm.SetTrigger(fmt.Sprintf("-P%dD", days))
		alarm.SetDescription(safetext.Line(fmt.Sprintf("%s: %s ends in %d days", r.Name, c.Title, days)))
	}
	return e
}
