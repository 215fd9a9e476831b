package date_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/credkit/credkit-go/api/date"
)

func TestParse(t *testing.T) {
	for _, text := range []string{"2023-12-25", "0001-01-01", "9999-12-31", "2024-02-29", "2000-02-29", "0000-03-01"} {
		d, err := date.Parse(text)
		if err != nil || d.String() != text || d.IsZero() {
			t.Errorf("Parse(%q) = %v, %v", text, d, err)
		}
	}
	for _, text := range []string{
		"2023-02-29", "1900-02-29", "2023-13-01", "2023-00-01", "2023-01-00", "2023-04-31", "2023-1-1", "20231225", "2023-12-25T00:00:00Z",
		"+023-12-25", "２０２３-12-25", " 2023-12-25", "2023/12/25", "x",
	} {
		if d, err := date.Parse(text); err == nil {
			t.Errorf("Parse(%q) = %v", text, d)
		}
	}
	if d, err := date.Parse(""); err != nil || !d.IsZero() || d.String() != "" {
		t.Errorf("the empty text: %v, %v", d, err)
	}
}

func TestJSONNullAbsentAndEmptyAreNoDay(t *testing.T) {
	type holder struct {
		On date.Date `json:"on,omitzero"`
	}
	for text, want := range map[string]string{
		`{}`: "2020-01-01", `{"on":null}`: "", `{"on":""}`: "", `{"on":"\u0032023-12-25"}`: "2023-12-25",
	} {
		h := holder{On: date.Of(2020, 1, 1)}
		if err := json.Unmarshal([]byte(text), &h); err != nil || h.On.String() != want {
			t.Errorf("%s gives %v, %v", text, h.On, err)
		}
	}
	for _, text := range []string{`{"on":20231225}`, `{"on":{}}`, `{"on":"2023-02-30"}`, `{"on":true}`} {
		if err := json.Unmarshal([]byte(text), new(holder)); err == nil {
			t.Errorf("%s was taken", text)
		}
	}
	if b, err := json.Marshal(holder{date.Of(2023, 12, 25)}); err != nil || string(b) != `{"on":"2023-12-25"}` {
		t.Errorf("%s, %v", b, err)
	}
	if b, err := json.Marshal(holder{}); err != nil || string(b) != `{}` {
		t.Errorf("%s, %v", b, err)
	}
	if b, err := json.Marshal(date.Date{}); err != nil || string(b) != `null` {
		t.Errorf("%s, %v", b, err)
	}
	if b, err := json.Marshal(date.Of(12345, 1, 1)); err == nil {
		t.Errorf("a year of five digits was written: %s", b)
	}
}

func TestDaysAreCountedByTheCalendar(t *testing.T) {
	d := date.Of(2024, 2, 28)
	if got := d.AddDays(2); got != date.Of(2024, 3, 1) {
		t.Error(got)
	}
	if got := date.Of(2023, 14, 1); got.String() != "2024-02-01" {
		t.Error(got)
	}
	if n := d.DaysUntil(date.Of(2024, 3, 1)); n != 2 {
		t.Error(n)
	}
	if n := date.Of(9999, 12, 31).DaysUntil(date.Of(1, 1, 1)); n != -3652058 {
		t.Error(n)
	}
	if n := d.DaysUntil(date.Date{}); n != 0 {
		t.Error(n)
	}
	if !d.Before(date.Of(2024, 2, 29)) || !d.After(date.Of(2023, 12, 31)) || d.Compare(d) != 0 || !(date.Date{}).Before(d) || !d.Equal(d) {
		t.Error("order")
	}
	if y, m, day := d.Year(), d.Month(), d.Day(); y != 2024 || m != time.February || day != 28 {
		t.Error(y, m, day)
	}
	if !(date.Date{}).In(time.UTC).IsZero() || !(date.Date{}).AddDays(3).IsZero() {
		t.Error("the zero day is no day")
	}
	if got := date.FromTime(d.In(time.UTC)); got != d {
		t.Error(got)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"2023-12-25", "2024-02-29", "", "0000-01-01", "9999-99-99"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := date.Parse(text)
		want, wrong := time.Parse(time.DateOnly, text)
		if (err == nil) != (wrong == nil || text == "") {
			t.Fatalf("Parse(%q) says %v, package time %v", text, err, wrong)
		}
		if err == nil && text != "" && (d.String() != text || d != date.FromTime(want)) {
			t.Fatalf("Parse(%q) = %v", text, d)
		}
	})
}
