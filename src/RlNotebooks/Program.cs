Console.WriteLine("RlNotebooks");
