"""The page on score files: `fastrain eval --formats` prints it."""

from __future__ import annotations

FORMATS = """\
Score files that fastrain reads

A higher score means bona fide. Where attacks score higher say --higher-is attack; it acts on every form. What a row is
(a recording, a frame of one) is told by declared columns alone: an id from outside is never taken apart. Without such
columns a row is a recording, and the summary says so. An AUC below 0.5 is warned of.

1. A CSV of your own: the columns label and score, any order, separated by commas, semicolons, tabs, bars or blanks

     label,score                       label;score;clip;frame;subject;species
     bonafide,0.93                     bonafide;0.93;a/01.mp4;0;17;
     attack,0.12                       attack;0.12;b/07.mp4;0;17;print

   label     bonafide or attack (live, real, genuine; spoof, fake). Other values: --bonafide-is 1, never guessed
   score     a number; empty or nan: no score could be had (failure to acquire), which counts as rejected
   clip      the recording; with frame the row is a frame of it, and a clip's score is the mean of its frames
   frame     its number or name inside the recording
   subject   the person; intervals resample people, so without it they resample recordings and are too narrow
   species   the attack (see below)
   part      test or val (eval, dev): from val comes the threshold that a deployment would have
   dataset   whose clips these are; id: a name of the row, where there is no clip
   field_…   anything to group clips by (field_region, field_device): --by region, and the report's breakdown

   Names of your own: --columns label=is_live,score=p,clip=video      No header: --columns score,label,-,subject

2. Lines of 'score label', as CDCN and others write them (map_score_test.txt)

     0.7302 1                          fastrain eval map_score_test.txt --bonafide-is 1
     0.3212 0

3. bob.pad's CSV: scores-dev.csv (part val), scores-eval.csv (part test), or their folder

     claimed_id,test_label,is_bonafide,attack_type,score,frame_id,video_key
     17,real/017.mov_3,True,,1.03,3,real/017.mov

   A row is a frame of video_key where that column is there, else a recording. Of 'bob pad gen' files repeated ids are
   told apart by attack_type and sample_n. Other columns are not read; their names are said.

4. bob's four columns, no header: scores-dev and scores-eval, with blanks between

     17 17 real/017.mov 1.03           bona fide where the first two agree; else the second names the attack
     17 print attack/017.mov -0.20

5. GRAD-GPAD's dev.json and test.json, {"id": score}: labels come from --protocol or --manifest, and --higher-is has to
   be said (GRAD-GPAD's own scores rise with attacks: --higher-is attack)

6. Our own scores.csv or parquet of a run, with all of its columns

Attacks. Words of the field give the attack type (print, photo, replay, video, 3d-mask, makeup ...); any other name
(print/1, type_0, PA.F.1) is a species of its own. --map print/1=print takes one for another. --species pai tells
instruments of one type apart.

With --protocol NAME or --manifest FILE ids have to be the manifest's clip ids (dataset/clip_id or clip_id) or sample
ids, to the letter; others are listed and refused. Labels, people and parts are then the manifest's: id,score is enough.

bob's operating points. Its BPCER20 takes the lowest attack score at which every attack keeps an APCER of 5 %; we take
the lowest score of all that may be accepted. Where bona fide scores lie between two attack scores bob rejects them: its
BPCER20 is never smaller than ours. Its APCER20 takes a rank among bona fide scores: where the lowest of them are equal,
more than 5 % are rejected, so the limit can be exceeded, which ours never is. --as bob prints bob's numbers too.

A run folder of scores, which report and compare take beside trained runs:

     fastrain import scores scores-eval.csv --name vendor --out runs/vendor
     fastrain import scores scores.txt --name vendor --bonafide-is 1 --subjects people.csv --out runs/vendor
     fastrain import scores out.csv --name vendor --protocol CIO-M --data data --out runs/vendor
     fastrain report runs/vendor; fastrain compare runs/vendor runs/hfn0 runs/erm0

people.csv has the columns id,subject; an id is that of the recording.

A table of a million rows takes up to 1.2 GiB of memory; it is read in seconds, its intervals take minutes.
"""
