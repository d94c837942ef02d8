package bulk

// Outcome is what became of a record.
type Outcome string

// The outcomes. In a dry run they are what would become of it.
const (
	Created  Outcome = "created"  // a user was made
	Attached Outcome = "attached" // a user who existed waits for the person, or is known by the record from now on
	Joined   Outcome = "joined"   // a user of an earlier row, or import, joined the organizations of this one
	Known    Outcome = "known"    // it was imported before: nothing changed
	Skipped  Outcome = "skipped"  // left out on purpose, for Problem's reason
	Bad      Outcome = "bad"      // did not go in, for Problem's reason
)

// Result is what became of one record.
type Result struct {
	Line         int64    `json:"line"`
	Outcome      Outcome  `json:"outcome"`
	ConnectionID string   `json:"connection_id,omitempty"` // for whose first sign-in the user waits; "" for none
	UserID       string   `json:"user_id,omitempty"`       // of a user who existed before
	Problem      *Problem `json:"problem,omitempty"`       // for Bad and Skipped
	// Unverified says that the file calls the address verified, and that the importer's word is not enough for that.
	Unverified bool `json:"unverified,omitempty"`
}

// Summary counts records by their outcome.
type Summary struct {
	Created  int64 `json:"created"`
	Attached int64 `json:"attached"`
	Joined   int64 `json:"joined"`
	Known    int64 `json:"known"`
	Skipped  int64 `json:"skipped"`
	Bad      int64 `json:"bad"`
}

// Records is the number of all.
func (s Summary) Records() int64 {
	return s.Created + s.Attached + s.Joined + s.Known + s.Skipped + s.Bad
}

func (s *Summary) count(o Outcome) {
	switch o {
	case Created:
		s.Created++
	case Attached:
		s.Attached++
	case Joined:
		s.Joined++
	case Known:
		s.Known++
	case Skipped:
		s.Skipped++
	default:
		s.Bad++
	}
}

// Checkpoint is a place in a file before which everything is stored and reported. It holds nothing of the file's contents.
type Checkpoint struct {
	Source   string   `json:"source"` // with who imports
	Position Position `json:"position"`
	Summary  Summary  `json:"summary"` // of all before
}
