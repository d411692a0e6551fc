using System.Text;

namespace RlNotebooks.Engine;

/// <summary>Stands in for <see cref="Console.Out"/> and <see cref="Console.Error"/>: text of a cell goes to the cell, other text through.</summary>
internal sealed class ConsoleRouter(bool isError, TextWriter outside) : TextWriter
{
    private static readonly Lock Gate = new();
    private static int users;
    private static (TextWriter Out, TextWriter Error, TextReader In) originals;

    public override Encoding Encoding => outside.Encoding;

    /// <summary>Routes the console until as many <see cref="Release"/> calls were made.</summary>
    public static void Acquire()
    {
        lock (Gate)
        {
            if (users++ == 0)
            {
                originals = (Console.Out, Console.Error, Console.In);
                Console.SetOut(new ConsoleRouter(isError: false, originals.Out));
                Console.SetError(new ConsoleRouter(isError: true, originals.Error));
                Console.SetIn(new ConsoleQuestions(originals.In));
            }
        }
    }

    public static void Release()
    {
        lock (Gate)
        {
            if (--users == 0)
            {
                Console.SetOut(originals.Out);
                Console.SetError(originals.Error);
                Console.SetIn(originals.In);
            }
        }
    }

    public override void Write(char value) => Write([value]);

    public override void Write(string? value) => Write(value.AsSpan());

    public override void Write(char[] buffer, int index, int count) => Write(buffer.AsSpan(index, count));

    public override void Write(ReadOnlySpan<char> buffer)
    {
        if (CellContext.Current is { } cell)
        {
            cell.Write(isError, buffer);
        }
        else
        {
            outside.Write(buffer);
        }
    }

    public override void WriteLine(string? value) => Write($"{value}{NewLine}");

    public override void WriteLine(ReadOnlySpan<char> buffer) => Write($"{buffer}{NewLine}");

    public override void Flush() => outside.Flush();
}
