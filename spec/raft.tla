-------------------------------- MODULE raft --------------------------------
(* Raft as Quorate runs it, written from Ongaro's thesis (sections 3.3 to 3.8): elections, replication, the commit rule, crash and
   restart. What a member answers is durable before the answer leaves: a step here is the step and its write. Only a leader goes on while
   it writes (thesis 10.2.1): its entries are sent at once, and a crash takes those that are not stored. (That the code does wait for its
   disk is checked by test/model.)

   Messages are a set that only grows: each may arrive at any time, often, or never. Loss, duplication and reordering need no steps. *)
EXTENDS Integers, Sequences, FiniteSets

CONSTANTS Server, MaxTerm, MaxEntries, MaxCrashes, None

VARIABLES
  term, votedFor, log,      \* durable: log[i] is a sequence of terms
  stored,                   \* log[i] is durable up to here: all of it, except on leaders
  role, commit, match,      \* volatile: match[i][j], what leader i knows j to hold
  messages,
  leaders,                  \* history: who led which term
  committed,                \* history: <<index, term of the entry, term in which it was committed>>
  crashes

vars == <<term, votedFor, log, stored, role, commit, match, messages, leaders, committed, crashes>>

Quorum == {Q \in SUBSET Server : 2 * Cardinality(Q) > Cardinality(Server)}
LastTerm(l) == IF l = <<>> THEN 0 ELSE l[Len(l)]
Min(a, b) == IF a < b THEN a ELSE b
Max(S) == CHOOSE x \in S : \A y \in S : x >= y

Init ==
  /\ term = [i \in Server |-> 0]
  /\ votedFor = [i \in Server |-> None]
  /\ log = [i \in Server |-> <<>>]
  /\ stored = [i \in Server |-> 0]
  /\ role = [i \in Server |-> "follower"]
  /\ commit = [i \in Server |-> 0]
  /\ match = [i \in Server |-> [j \in Server |-> 0]]
  /\ messages = {} /\ leaders = {} /\ committed = {} /\ crashes = 0

Campaign(i) ==
  /\ role[i] # "leader" /\ term[i] < MaxTerm
  /\ term' = [term EXCEPT ![i] = @ + 1]
  /\ votedFor' = [votedFor EXCEPT ![i] = i]
  /\ role' = [role EXCEPT ![i] = "candidate"]
  /\ messages' = messages \cup
       {[type |-> "vote", from |-> i, term |-> term[i] + 1, last |-> Len(log[i]), lastTerm |-> LastTerm(log[i])],
        [type |-> "granted", from |-> i, to |-> i, term |-> term[i] + 1]}
  /\ UNCHANGED <<log, stored, commit, match, leaders, committed, crashes>>

\* Thesis 3.4 and 3.6.1: one vote a term, and only for a log that is at least as far.
Vote(i, m) ==
  /\ m.type = "vote" /\ m.from # i /\ m.term >= term[i]
  /\ m.term > term[i] \/ (votedFor[i] \in {None, m.from} /\ role[i] = "follower")
  /\ LET upToDate == m.lastTerm > LastTerm(log[i]) \/ (m.lastTerm = LastTerm(log[i]) /\ m.last >= Len(log[i])) IN
     /\ term' = [term EXCEPT ![i] = m.term]
     /\ role' = [role EXCEPT ![i] = "follower"]
     /\ votedFor' = [votedFor EXCEPT ![i] = IF upToDate THEN m.from ELSE IF m.term > term[i] THEN None ELSE @]
     /\ messages' = IF upToDate THEN messages \cup {[type |-> "granted", from |-> i, to |-> m.from, term |-> m.term]}
                    ELSE messages
  /\ stored' = [stored EXCEPT ![i] = Len(log[i])]
  /\ UNCHANGED <<log, commit, match, leaders, committed, crashes>>

\* A leader begins with an empty entry of its own term.
BecomeLeader(i) ==
  /\ role[i] = "candidate"
  /\ {m.from : m \in {g \in messages : g.type = "granted" /\ g.to = i /\ g.term = term[i]}} \in Quorum
  /\ role' = [role EXCEPT ![i] = "leader"]
  /\ log' = [log EXCEPT ![i] = Append(@, term[i])]
  /\ match' = [match EXCEPT ![i] = [j \in Server |-> IF j = i THEN Len(log[i]) ELSE 0]]
  /\ leaders' = leaders \cup {<<term[i], i>>}
  /\ UNCHANGED <<term, votedFor, stored, commit, messages, committed, crashes>>

Propose(i) ==
  /\ role[i] = "leader" /\ Len(log[i]) < MaxEntries
  /\ log' = [log EXCEPT ![i] = Append(@, term[i])]
  /\ UNCHANGED <<term, votedFor, stored, role, commit, match, messages, leaders, committed, crashes>>

\* A leader counts itself when its own disk has the entries.
Store(i) ==
  /\ role[i] = "leader" /\ stored[i] < Len(log[i])
  /\ stored' = [stored EXCEPT ![i] = Len(log[i])]
  /\ match' = [match EXCEPT ![i][i] = Len(log[i])]
  /\ UNCHANGED <<term, votedFor, log, role, commit, messages, leaders, committed, crashes>>

SendAppend(i, previous) ==
  /\ role[i] = "leader" /\ previous < Len(log[i])
  /\ messages' = messages \cup
       {[type |-> "append", from |-> i, term |-> term[i], previous |-> previous,
         previousTerm |-> IF previous = 0 THEN 0 ELSE log[i][previous],
         entry |-> log[i][previous + 1], commit |-> Min(commit[i], previous + 1)]}
  /\ UNCHANGED <<term, votedFor, log, stored, role, commit, match, leaders, committed, crashes>>

\* Thesis 3.5: the log is cut only where an entry conflicts.
TakeAppend(i, m) ==
  /\ m.type = "append" /\ m.from # i /\ m.term >= term[i]
  /\ LET at == m.previous + 1
         fits == m.previous <= Len(log[i]) /\ (m.previous = 0 \/ log[i][m.previous] = m.previousTerm)
         has == Len(log[i]) >= at /\ log[i][at] = m.entry
     IN
     /\ term' = [term EXCEPT ![i] = m.term]
     /\ votedFor' = [votedFor EXCEPT ![i] = IF m.term > term[i] THEN None ELSE @]
     /\ role' = [role EXCEPT ![i] = "follower"]
     /\ log' = [log EXCEPT ![i] = IF fits /\ ~has THEN Append(SubSeq(@, 1, m.previous), m.entry) ELSE @]
     /\ stored' = [stored EXCEPT ![i] = Len(log'[i])]
     /\ commit' = [commit EXCEPT ![i] = IF fits THEN Max({@, m.commit}) ELSE @]
     /\ messages' = IF fits THEN messages \cup {[type |-> "has", from |-> i, to |-> m.from, term |-> m.term, index |-> at]}
                    ELSE messages
  /\ UNCHANGED <<match, leaders, committed, crashes>>

TakeAcknowledgement(i, m) ==
  /\ m.type = "has" /\ m.to = i /\ role[i] = "leader" /\ m.term = term[i] /\ m.index > match[i][m.from]
  /\ match' = [match EXCEPT ![i][m.from] = m.index]
  /\ UNCHANGED <<term, votedFor, log, stored, role, commit, messages, leaders, committed, crashes>>

\* Thesis 3.6.2: by counting only entries of the own term; what is before them comes along.
AdvanceCommit(i) ==
  /\ role[i] = "leader"
  /\ \E index \in (commit[i] + 1)..Len(log[i]) :
       /\ log[i][index] = term[i]
       /\ {j \in Server : match[i][j] >= index} \in Quorum
       /\ commit' = [commit EXCEPT ![i] = index]
       /\ committed' = committed \cup {<<k, log[i][k], term[i]>> : k \in (commit[i] + 1)..index}
  /\ UNCHANGED <<term, votedFor, log, stored, role, match, messages, leaders, crashes>>

Restart(i) ==
  /\ crashes < MaxCrashes
  /\ crashes' = crashes + 1
  /\ role' = [role EXCEPT ![i] = "follower"]
  /\ log' = [log EXCEPT ![i] = SubSeq(@, 1, stored[i])]
  /\ commit' = [commit EXCEPT ![i] = 0]
  /\ match' = [match EXCEPT ![i] = [j \in Server |-> 0]]
  /\ UNCHANGED <<term, votedFor, stored, messages, leaders, committed>>

Next ==
  \/ \E i \in Server :
       \/ Campaign(i) \/ BecomeLeader(i) \/ Propose(i) \/ Store(i) \/ AdvanceCommit(i) \/ Restart(i)
       \/ \E previous \in 0..(Len(log[i]) - 1) : SendAppend(i, previous)
  \/ \E m \in messages, i \in Server : Vote(i, m) \/ TakeAppend(i, m) \/ TakeAcknowledgement(i, m)

Spec == Init /\ [][Next]_vars

-----------------------------------------------------------------------------
ElectionSafety == \A a, b \in leaders : a[1] = b[1] => a[2] = b[2]

LogMatching == \A i, j \in Server : \A n \in 1..Min(Len(log[i]), Len(log[j])) :
  log[i][n] = log[j][n] => SubSeq(log[i], 1, n) = SubSeq(log[j], 1, n)

LeaderCompleteness == \A i \in Server : role[i] = "leader" =>
  \A c \in committed : c[3] < term[i] => Len(log[i]) >= c[1] /\ log[i][c[1]] = c[2]

StateMachineSafety == \A a, b \in committed : a[1] = b[1] => a[2] = b[2]

AppliedIsCommitted == \A i \in Server : \A n \in 1..commit[i] : \E c \in committed : c[1] = n /\ c[2] = log[i][n]

CommittedIsDurable == \A c \in committed :
  \E Q \in Quorum : \A i \in Q : stored[i] >= c[1] /\ log[i][c[1]] = c[2]
=============================================================================
