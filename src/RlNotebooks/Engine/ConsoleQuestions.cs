namespace RlNotebooks.Engine;

/// <summary>Stands in for <see cref="Console.In"/>: what a cell reads is asked of the person at the notebook, line by line.</summary>
internal sealed class ConsoleQuestions(TextReader outside) : TextReader
{
    private string line = "";
    private int position;

    public override string? ReadLine()
    {
        if (CellContext.Current is not { } cell)
        {
            return outside.ReadLine();
        }

        if (position < line.Length)
        {
            var rest = line[position..].TrimEnd('\n');
            position = line.Length;
            return rest;
        }

        return cell.Ask("", isSecret: false);
    }

    public override int Read() => Next(advance: true);

    public override int Peek() => Next(advance: false);

    private int Next(bool advance)
    {
        if (CellContext.Current is not { } cell)
        {
            return advance ? outside.Read() : outside.Peek();
        }

        if (position >= line.Length)
        {
            (line, position) = ($"{cell.Ask("", isSecret: false)}\n", 0);
        }

        return advance ? line[position++] : line[position];
    }
}
