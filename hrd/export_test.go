package hrd

// Cells returns how many cells the table has, taken or not.
func (x *Index) Cells() int { return len(x.table.Load().cells) }
