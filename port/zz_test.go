package port_test
import ("testing";"time";"github.com/synapsedb/synapse/internal/dbtest")
func TestZZ(t *testing.T){
 preparedTarget(t)
 for range 4 {
 a:=time.Now(); d:=dbtest.NewDatabase(t); b:=time.Now(); prepare(t,d); c:=time.Now()
 p:=preparedTarget(t); e:=time.Now(); waitForSessionsToEnd(t,p); f:=time.Now(); content(t,p); g:=time.Now(); schemaDump(t,p);h:=time.Now()
 t.Log("new",b.Sub(a),"create",c.Sub(b),"copy",e.Sub(c),"wait",f.Sub(e),"content",g.Sub(f),"dump",h.Sub(g))
 }
}
